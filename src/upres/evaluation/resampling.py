"""How sure a mean over pictures is: bootstrap intervals, and a paired test. Seeded, so that figures can be repeated."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
SEED = 0
LEVEL = 0.95
# Up to so many pairs every way to flip their signs is looked at.
_EXACT = 13
# Numbers that are drawn at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Difference:
    """How far one model's mean is above another's on the same pictures.

    Attributes:
        mean: of the pictures' differences.
        low, high: the bootstrap interval of that mean.
        p: of the sign-flip test, two-sided: how often the mean would be as far from 0 if the models were alike.
    """

    mean: float
    low: float
    high: float
    p: float


def resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of pictures drawn with replacement (Efron 1979): `n k` → `RESAMPLES k`.

    Every column is drawn alike, so that the difference of two is that of the same pictures.
    """
    count = len(values)
    rng = np.random.default_rng(SEED)
    rows = max(1, min(RESAMPLES, _AT_ONCE // count))
    means = np.empty((RESAMPLES, values.shape[1]))
    for first in range(0, RESAMPLES, rows):
        part = means[first : first + rows]
        drawn = rng.integers(0, count, (len(part), count))
        offsets = np.arange(len(part))[:, None] * count
        times = np.bincount((drawn + offsets).ravel(), minlength=len(part) * count).reshape(len(part), count)
        part[:] = times @ values / count
    return means


def interval(means: NDArray[np.float64]) -> tuple[float, float]:
    """Return what the middle `LEVEL` of resampled means spans (the percentile interval)."""
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def sign_flip_p(differences: ArrayLike) -> float:
    """Return the two-sided p of the paired sign-flip (permutation) test (Fisher 1935) on the mean difference.

    If two models were alike, each difference would as likely be its negative. Up to 13 pictures all 2ⁿ ways are
    counted, so n pictures never give less than 2 ÷ 2ⁿ; beyond that `RESAMPLES` random ones, and the one observed.

    >>> sign_flip_p([1.0, 2.0, 3.0])
    0.25
    """
    d = np.asarray(differences, dtype=np.float64)
    observed = abs(d.sum()) * (1 - 1e-12)  # sums in another order
    if len(d) <= _EXACT:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(d))))
        return float((np.abs(signs @ d) >= observed).mean())
    rng = np.random.default_rng(SEED)
    rows = max(1, min(RESAMPLES, _AT_ONCE // len(d)))
    reached = 0
    for first in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - first)
        flipped = rng.integers(0, 2, (count, len(d)), dtype=np.uint8)
        reached += int((np.abs(d.sum() - 2 * (flipped @ d)) >= observed).sum())
    return (reached + 1) / (RESAMPLES + 1)
