"""What was measured, picture by picture, and its statistics over the pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from upres.config import dump
from upres.evaluation.test_sets import TestSet
from upres.metrics import Metric, Protocol


@dataclass(frozen=True)
class PictureScores:
    """What one model reached on one picture; `values` by metric, `seconds` of enlarging alone, sizes of lr."""

    model: str
    picture: str
    width: int
    height: int
    seconds: float
    values: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was measured.

    Attributes:
        test_set: on what.
        protocol: how pictures were compared.
        metrics: by name.
        parameters: of the models by their names, in order.
        scores: in the order of the models and pictures.
    """

    test_set: TestSet
    protocol: Protocol
    metrics: Mapping[str, Metric]
    parameters: Mapping[str, int]
    scores: Sequence[PictureScores]

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self.parameters)

    def values(self, model: str, metric: str) -> list[float]:
        """Return a metric of one model, a number a picture."""
        return [score.values[metric] for score in self.scores if score.model == model]

    def mean(self, model: str, metric: str) -> float:
        """Return the mean over pictures, as papers report it (not pooled over pixels)."""
        return float(np.mean(self.values(model, metric)))

    def deviation(self, model: str, metric: str) -> float:
        """Return the standard deviation over pictures (of the set, not of a sample)."""
        values = self.values(model, metric)
        return float(np.std(values)) if np.isfinite(values).all() else math.nan

    def seconds(self, model: str) -> float:
        """Return the seconds that enlarging all pictures took."""
        return sum(score.seconds for score in self.scores if score.model == model)

    def describe(self) -> str:
        """Return the conditions in one line, to be printed with the numbers."""
        parts = [
            f"{self.test_set.name}, {self.test_set.count:,} pictures, ×{self.test_set.scale}, {self.test_set.made}",
            self.protocol.describe(),
            *self._own_protocols().values(),
            "mean ± standard deviation over pictures",
        ]
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the means and the conditions as plain data."""
        return {
            "data": self.test_set.name,
            "pictures": self.test_set.count,
            "low_resolution": self.test_set.made,
            "scale": self.test_set.scale,
            "protocol": {**dump(self.protocol), "text": self.protocol.describe(), **self._own_protocols()},
            "metrics": {
                name: {"title": metric.title, "unit": metric.unit, "better": metric.better, "words": metric.words}
                for name, metric in self.metrics.items()
            },
            "models": {
                model: {
                    "parameters": parameters,
                    "seconds": round(self.seconds(model), 4),
                    **{
                        metric: {"mean": self.mean(model, metric), "deviation": self.deviation(model, metric)}
                        for metric in self.metrics
                    },
                }
                for model, parameters in self.parameters.items()
            },
        }

    def _own_protocols(self) -> dict[str, str]:
        """Return what is said of the metrics that take no notice of the protocol."""
        return {name: metric.words for name, metric in self.metrics.items() if not metric.by_protocol}
