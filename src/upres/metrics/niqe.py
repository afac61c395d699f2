"""How natural a picture looks by itself: NIQE, with a model of natural pictures of our own."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import DataError
from upres.image.colour import gray
from upres.image.picture import peak
from upres.image.resize import imresize
from upres.metrics.metric import Metric

BLOCK = 96
"""Pixels a side of a block, at the picture's own size; half as many at half of it."""

SHARP = 0.75
"""A block of a pristine picture counts when it is sharper than this share of the picture's sharpest."""

MODEL = Path(__file__).resolve().parents[1] / "models" / "niqe-upres.npz"
"""The model of natural pictures that comes with upres; the note beside it says of which."""

FEATURES = 36

# The window of the local mean and deviation, 7×7.
_AT = np.arange(-3, 4)
_WINDOW = np.exp(-(_AT**2) / (2 * (7 / 6) ** 2))
_WINDOW /= _WINDOW.sum()

# Neighbours along the rows, the columns and both diagonals.
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))

# Differences from the local mean below this are rounding errors: levels are whole numbers.
_NOTHING = 1e-6


@dataclass(frozen=True)
class Naturalness:
    """A Gaussian model of natural pictures' blocks: mean `36` and covariance `36 36` of their features."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def niqe_upres(picture: NDArray[Any]) -> float:
    """Return how far a picture's statistics are from those of natural pictures, from 0 on. Less is better.

    Mittal, Soundararajan, Bovik, "Making a 'Completely Blind' Image Quality Analyzer", SPL 2013: features of the
    normalised brightness in blocks of 96 pixels at two sizes, and the distance of their Gaussian model from one of
    pristine pictures (equation 10). The procedure is NIQE's, the pristine pictures are others: its numbers are
    comparable with each other, and not with published NIQE. It sees the picture as 8-bit gray (BT.601, rounded).

    Args:
        picture: `h w` or `h w c`, c = 1 or 3; uint8, uint16, or floats in [0, 1].

    Raises:
        DataError: it has fewer than two blocks, or fewer than two that are not flat.
    """
    found, _ = block_features(levels(picture))
    whole = found[np.isfinite(found).all(axis=1)]
    if len(whole) < 2:
        raise DataError(
            f"niqe-upres: {len(found) - len(whole)} of {len(found)} blocks of {BLOCK}×{BLOCK} pixels are flat; it "
            "needs two that are not"
        )
    return distance(fitted(whole), _natural())


def distance(a: Naturalness, b: Naturalness) -> float:
    """Return the distance of two models: that of their means, in units of their common covariance."""
    apart = a.mean - b.mean
    return math.sqrt(max(0.0, float(apart @ np.linalg.pinv((a.covariance + b.covariance) / 2) @ apart)))


def fitted(features: NDArray[np.float64]) -> Naturalness:
    """Return the model of blocks' features `n 36`, n at least 2."""
    return Naturalness(features.mean(axis=0), np.cov(features, rowvar=False))


def fit(pictures: Iterable[NDArray[Any]]) -> tuple[Naturalness, int]:
    """Return the model of pristine pictures' sharp blocks, and how many blocks that were.

    Args:
        pictures: as `niqe_upres` takes them, each with a block at least.

    Raises:
        DataError: a picture is smaller than a block, or there are fewer blocks than features.
    """
    kept = []
    for picture in pictures:
        found, sharpness = block_features(levels(picture), least=1)
        kept.append(found[(sharpness > SHARP * sharpness.max()) & np.isfinite(found).all(axis=1)])
    blocks = np.concatenate(kept) if kept else np.empty((0, FEATURES))
    if len(blocks) <= FEATURES:
        raise DataError(f"{len(blocks)} sharp blocks do not determine a model of {FEATURES} features; add pictures")
    return fitted(blocks), len(blocks)


def levels(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Return a picture as 8-bit gray: whole numbers from 0 to 255, float64 `h w`.

    Raises:
        DataError: it is no picture of one or three channels.
    """
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3)):
        raise DataError(f"niqe-upres: the picture is {picture.shape}; it takes h w or h w c, with c = 1 or 3")
    values = np.asarray(picture, dtype=np.float64)
    if picture.dtype != np.uint8:
        values = _rounded(values * (255.0 / peak(picture.dtype)))
    if values.ndim == 2:
        return values
    return values[..., 0] if values.shape[2] == 1 else _rounded(gray(values))


def block_features(picture: NDArray[np.float64], *, least: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each whole block's features, and its sharpness: the mean local deviation (equation 5).

    Args:
        picture: gray, white is 255, `h w`; what is left over below and on the right is left out.
        least: blocks that it must have.

    Returns:
        `n 36`, NaN where a flat block has none, 18 at each size; and `n`.

    Raises:
        DataError: it has fewer blocks.
    """
    rows, columns = (side // BLOCK for side in picture.shape)
    if rows * columns < least:
        raise DataError(
            f"niqe-upres: a picture of {picture.shape[1]}×{picture.shape[0]} has {rows * columns} whole blocks of "
            f"{BLOCK}×{BLOCK} pixels, and {least} are needed; use a larger one"
        )
    picture = picture[: rows * BLOCK, : columns * BLOCK]
    normalised, deviation = _normalised(picture)
    sharpness = _blocks(deviation, BLOCK).mean(axis=(1, 2))
    half, _ = _normalised(imresize(picture, 0.5))
    found = (_features(_blocks(normalised, BLOCK)), _features(_blocks(half, BLOCK // 2)))
    return np.concatenate(found, axis=1), sharpness


def load_model(path: Path) -> Naturalness:
    """Read a model that `tools.niqe` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Naturalness(arrays["mean"], arrays["covariance"])


class NiqeUpres(Metric):
    """As a row of the table; the original is not looked at."""

    title = "NIQE-upres"
    better = "less"
    words = "NIQE by upres's own model of natural pictures, without the original, 8-bit gray BT.601, whole picture"
    digits = 2
    by_protocol = False
    only_by_name = True

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """Of `sr` alone."""
        return niqe_upres(sr)


@functools.cache
def _natural() -> Naturalness:
    return load_model(MODEL)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.floor(np.clip(values, 0, 255) + 0.5)
    return result


def _blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian mean around each pixel of `h w`, the picture's edge repeated outwards."""
    height, width = values.shape
    padded = np.pad(values, 3, mode="edge")
    tall = sum(weight * padded[i : i + height] for i, weight in enumerate(_WINDOW))
    wide: NDArray[np.float64] = sum(weight * tall[:, i : i + width] for i, weight in enumerate(_WINDOW))
    return wide


def _normalised(picture: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what equation 1 makes of a picture, and the local deviation in it (equations 2 and 3)."""
    mean = _blurred(picture)
    deviation = np.sqrt(np.abs(_blurred(picture * picture) - mean * mean))
    apart = picture - mean
    apart[np.abs(apart) < _NOTHING] = 0
    return apart / (deviation + 1), deviation


def _blocks(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return `h w`, both multiples of `side`, as blocks `n side side`, row by row."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    return values.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows * columns, side, side)


def _features(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 18 features of each block at one size, `n 18`.

    A block's last column meets its first as a neighbour, and its last row its first, as in the authors' code.
    """
    shape, left, right = _asymmetric_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for down, across in _NEIGHBOURS:
        shape, left, right = _asymmetric_gaussian(blocks * np.roll(blocks, (down, across), axis=(1, 2)))
        # Equation 8. Where there is no shape there is no mean.
        means = np.array([math.gamma(2 / a) / math.gamma(1 / a) if a > 0 else math.nan for a in shape])
        columns += [shape, (right - left) * means, left, right]
    return np.stack(columns, axis=1)


def _asymmetric_gaussian(
    blocks: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Fit a generalised Gaussian with a scale on each side of 0 to each block's values, by their moments.

    Lasmar, Stitou, Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009, section 2.

    Returns:
        its shape, left and right scale (equation 7's α, βl and βr), `n` each; NaN where a side has no values.
    """
    values = blocks.reshape(len(blocks), -1)
    squares = values * values
    with np.errstate(divide="ignore", invalid="ignore"):  # a flat block has no values on either side
        left = np.sqrt((squares * (values < 0)).sum(axis=1) / (values < 0).sum(axis=1))
        right = np.sqrt((squares * (values > 0)).sum(axis=1) / (values > 0).sum(axis=1))
        ratio = left / right
        flatness = np.abs(values).mean(axis=1) ** 2 / squares.mean(axis=1)
        flatness *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios, factors = _shapes()
    # The nearest of the ratios, which ascend.
    at = np.searchsorted((ratios[1:] + ratios[:-1]) / 2, flatness)
    known = np.isfinite(flatness)
    shape = np.where(known, shapes[at], math.nan)
    factor = np.where(known, factors[at], math.nan)
    return shape, left * factor, right * factor


@functools.cache
def _shapes() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return shapes from 0.2 to 10, of each the square of mean ∣x∣ ÷ mean x², and scale ÷ deviation."""
    shapes = np.arange(200, 10_001) / 1000
    one, two, three = (np.array([math.gamma(n / a) for a in shapes]) for n in (1, 2, 3))
    return shapes, two**2 / (one * three), np.sqrt(one / three)
