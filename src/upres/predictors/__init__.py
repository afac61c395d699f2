"""Predictors: NCHW float32 in, NCHW float32 out. A leaf and its runtime load when a model needs them."""

from upres.predictors.base import Predictor
from upres.predictors.chains import open_chain, shortest_chain
from upres.predictors.opening import open_predictor, open_way

__all__ = ["Predictor", "open_chain", "open_predictor", "open_way", "shortest_chain"]
