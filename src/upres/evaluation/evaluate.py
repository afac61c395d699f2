"""Measure models on a set of pictures: every figure with its protocol, every picture with its row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config import dump
from upres.errors import DataError
from upres.evaluation.test_sets import TestSet
from upres.metrics import Protocol, measure
from upres.upscaling.upscaler import Upscaler

METRICS = ("psnr", "ssim", "mae", "mse")
Measure = Callable[[NDArray[Any], NDArray[Any]], float]
"""A figure of sr and hr, both uint8 `h w c`, that brings its own protocol."""

# The structural-similarity window is 11 pixels wide.
_SSIM_SIDE = 11


@dataclass(frozen=True)
class Entrant:
    """A model that is measured."""

    name: str
    parameters: int
    upscaler: Upscaler


@dataclass(frozen=True)
class Row:
    """What one model reached on one picture; `values` by metric, `seconds` of enlarging alone."""

    model: str
    picture: str
    width: int
    height: int
    seconds: float
    values: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured, in the order of the models and pictures; `more` says further metrics in words."""

    test_set: TestSet
    scale: int
    protocol: Protocol
    entrants: tuple[Entrant, ...]
    rows: tuple[Row, ...]
    more: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all that was measured of each picture."""
        return (*METRICS, *self.more)

    def values(self, model: str, metric: str) -> list[float]:
        """Return a metric of one model, a figure a picture."""
        return [row.values[metric] for row in self.rows if row.model == model]

    def mean(self, model: str, metric: str) -> float:
        """Return the mean over pictures, as papers report it (not pooled over pixels)."""
        return float(np.mean(self.values(model, metric)))

    def deviation(self, model: str, metric: str) -> float:
        """Return the standard deviation over pictures (of the set, not of a sample)."""
        values = self.values(model, metric)
        return float(np.std(values)) if np.isfinite(values).all() else math.nan

    def seconds(self, model: str) -> float:
        """Return the seconds that enlarging all pictures took."""
        return sum(row.seconds for row in self.rows if row.model == model)

    def describe(self) -> str:
        """Return the conditions in one line, to be printed with the numbers."""
        parts = [
            f"{self.test_set.name}, {self.test_set.count:,} pictures, ×{self.scale}, {self.test_set.made}",
            self.protocol.describe(),
            *self.more.values(),
            "mean ± standard deviation over pictures",
        ]
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the means and the conditions as plain data."""
        return {
            "data": self.test_set.name,
            "pictures": self.test_set.count,
            "low_resolution": self.test_set.made,
            "scale": self.scale,
            "protocol": {**dump(self.protocol), "text": self.protocol.describe(), **self.more},
            "models": {
                entrant.name: {
                    "parameters": entrant.parameters,
                    "seconds": round(self.seconds(entrant.name), 4),
                    **{
                        metric: {
                            "mean": self.mean(entrant.name, metric),
                            "deviation": self.deviation(entrant.name, metric),
                        }
                        for metric in self.metrics
                    },
                }
                for entrant in self.entrants
            },
        }


def evaluate(
    entrants: Sequence[Entrant],
    test_set: TestSet,
    *,
    scale: int,
    protocol: Protocol,
    more: Mapping[str, tuple[Measure, str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Enlarge every picture with every model and measure the 8-bit results.

    Args:
        entrants: models of that scale.
        test_set: pictures.
        scale: of the set and the models.
        protocol: how pictures are compared.
        more: further metrics by name, each with what it is in words.
        progress: called with model-picture pairs done and in all.

    Raises:
        DataError: a picture is too small to measure.
    """
    rows: dict[str, list[Row]] = {entrant.name: [] for entrant in entrants}
    total, done = test_set.count * len(entrants), 0
    for picture in test_set.pictures():
        side = min(picture.hr.shape[:2]) - 2 * protocol.border
        if side < _SSIM_SIDE:
            raise DataError(
                f"{picture.name}: {picture.hr.shape[1]}×{picture.hr.shape[0]} with border {protocol.border} leaves "
                f"{side} pixels; the SSIM window needs {_SSIM_SIDE}: remove it or lower --border"
            )
        for entrant in entrants:
            start = time.perf_counter()
            sr = entrant.upscaler(picture.lr)
            seconds = time.perf_counter() - start
            values = measure(sr, picture.hr, protocol, metrics=METRICS)
            values |= {name: figure(sr, picture.hr) for name, (figure, _) in (more or {}).items()}
            height, width = picture.lr.shape[:2]
            rows[entrant.name].append(Row(entrant.name, picture.name, width, height, seconds, values))
            done += 1
            if progress is not None:
                progress(done, total)
    flat = tuple(row for entrant in entrants for row in rows[entrant.name])
    words = {name: said for name, (_, said) in (more or {}).items()}
    return Evaluation(test_set, scale, protocol, tuple(entrants), flat, words)
