"""Predictors for tests: small real models, one that repeats pixels, and one that errs or is slow as it is told."""

import math

import numpy as np
from numpy.typing import NDArray

from tests.tiny_models import tiny_onnx
from upres.errors import DeviceMemoryError
from upres.models.facts import Colour, Facts
from upres.predictors import Predictor
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.onnx import OnnxPredictor

MODELS: dict[str, Predictor] = {
    "bicubic": BicubicPredictor(3),
    "rgb": OnnxPredictor(tiny_onnx(scale=2), threads=1),
    "gray": OnnxPredictor(tiny_onnx(scale=3, colour="gray"), threads=1),
    "luma": OnnxPredictor(tiny_onnx(scale=2, colour="luma"), threads=1),
    "multiple of 2": OnnxPredictor(tiny_onnx(scale=2, multiple=2), threads=1),
}


class Nearest(Predictor):
    """Repeats pixels, `s` times, and adds `extra`; `calls` are the shapes that it was given."""

    def __init__(self, scale: int = 2, *, radius: int | None = 0, colour: Colour = "rgb", extra: float = 0) -> None:
        self.facts = Facts(name="nearest", scale=scale, radius=radius, colour=colour)
        self.extra = np.float32(extra)
        self.calls: list[tuple[int, ...]] = []

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(lr.shape)
        return lr.repeat(self.facts.scale, axis=2).repeat(self.facts.scale, axis=3) + self.extra


class Fake(Predictor):
    """Repeats pixels, with an error added; refuses what is too large."""

    def __init__(self, error: float = 0.0, seconds: float = 1.0, largest: float = math.inf) -> None:
        self.facts = Facts(name="fake", scale=2, radius=1)
        self.error, self.seconds, self.largest = error, seconds, largest

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        if lr.size > self.largest:
            raise DeviceMemoryError("full")
        padded = np.pad(lr, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
        blurred = (padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1] + padded[:, :, 1:-1, :-2]) / np.float32(3)
        return blurred.repeat(2, axis=2).repeat(2, axis=3) + np.float32(self.error)
