"""Predictors: NCHW float32 in, NCHW float32 out. A leaf's runtime loads when a model needs it."""

from upres.predictors.base import Predictor
from upres.predictors.chains import open_chain, shortest_chain
from upres.predictors.opening import open_execution, open_predictor
from upres.predictors.runtime import Execution, Runtime
from upres.predictors.table import RUNTIMES

__all__ = [
    "RUNTIMES",
    "Execution",
    "Predictor",
    "Runtime",
    "open_chain",
    "open_execution",
    "open_predictor",
    "shortest_chain",
]
