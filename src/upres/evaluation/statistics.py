"""What was measured, picture by picture, and its statistics over the pictures."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config import dump
from upres.evaluation.resampling import (
    LEVEL,
    RESAMPLES,
    SEED,
    Difference,
    interval,
    resampled_means,
    sign_flip_p,
)
from upres.evaluation.test_sets import TestSet
from upres.metrics import Metric, Protocol


@dataclass(frozen=True)
class PictureScores:
    """What one model reached on one picture; `values` by metric, `seconds` of enlarging alone, sizes of hr."""

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
        how: what ran each, in words; empty for what is computed without a runtime.
        scores: in the order of the models and pictures.
    """

    test_set: TestSet
    protocol: Protocol
    metrics: Mapping[str, Metric]
    parameters: Mapping[str, int]
    how: Mapping[str, str]
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
        """Return the sample standard deviation over pictures (n − 1); NaN of one picture, or where one is infinite."""
        values = self.values(model, metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else math.nan

    def interval(self, model: str, metric: str) -> tuple[float, float] | None:
        """Return the 95 % bootstrap interval of the mean over pictures; `None` where there is no deviation."""
        means = self._resampled.get((model, metric))
        return None if means is None else interval(means)

    def difference(self, model: str, other: str, metric: str) -> Difference | None:
        """Return how far a model's mean is above another's, picture by picture; `None` where one has no deviation."""
        means = self._resampled.get((model, metric)), self._resampled.get((other, metric))
        if means[0] is None or means[1] is None:
            return None
        pairs = np.subtract(self.values(model, metric), self.values(other, metric))
        return Difference(float(pairs.mean()), *interval(means[0] - means[1]), sign_flip_p(pairs))

    @functools.cached_property
    def _resampled(self) -> dict[tuple[str, str], NDArray[np.float64]]:
        """The resampled means of every column that has a deviation."""
        keys = [
            (model, metric)
            for model in self.models
            for metric in self.metrics
            if math.isfinite(self.deviation(model, metric))
        ]
        if not keys:
            return {}
        means = resampled_means(np.array([self.values(*key) for key in keys]).T)
        return {key: means[:, number] for number, key in enumerate(keys)}

    def seconds(self, model: str) -> float:
        """Return the seconds that enlarging all pictures took."""
        return sum(score.seconds for score in self.scores if score.model == model)

    def describe(self) -> str:
        """Return the conditions in one line, to be printed with the numbers."""
        parts = [
            f"{self.test_set.name}, {self.test_set.count:,} pictures, ×{self.test_set.scale}, {self.test_set.made}",
            self.protocol.describe(),
            *self._own_protocols().values(),
            f"mean ± sample standard deviation over pictures [{LEVEL:.0%} bootstrap interval of the mean]".replace(
                "%", " %"
            ),
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
                    "runtime": self.how[model],
                    **{
                        metric: {
                            "mean": self.mean(model, metric),
                            "deviation": _or_none(self.deviation(model, metric)),
                            "interval": self.interval(model, metric),
                        }
                        for metric in self.metrics
                    },
                }
                for model, parameters in self.parameters.items()
            },
            "statistics": {
                "deviation": "sample standard deviation over pictures (n - 1)",
                "interval": f"{LEVEL:.0%} percentile bootstrap of the mean over pictures, {RESAMPLES} resamples, "
                f"seed {SEED}",
                "p": f"paired sign-flip test of the mean difference, two-sided, {RESAMPLES} flips, seed {SEED}; "
                "exact up to 13 pictures",
            },
            "differences": [
                {"model": model, "from": self.models[0], "metric": metric, **vars(found)}
                for model in self.models[1:]
                for metric in self.metrics
                if (found := self.difference(model, self.models[0], metric)) is not None
            ],
        }

    @property
    def runtimes(self) -> dict[str, str]:
        """What ran each model, without how that was chosen."""
        return {model: how.partition(":")[0] for model, how in self.how.items()}

    def _own_protocols(self) -> dict[str, str]:
        """Return what is said of the metrics that take no notice of the protocol."""
        return {name: metric.words for name, metric in self.metrics.items() if not metric.by_protocol}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
