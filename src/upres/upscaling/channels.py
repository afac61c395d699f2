"""Enlarge gray, colour and alpha by a model of any colour: the seam between pictures and predictors.

Each function looks at the picture no further than the model does, or `least_halo`, whichever is farther.
Where the picture is smooth, the model is not asked (`upres.upscaling.smooth`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from upres.errors import ModelError
from upres.image import imresize, rgb_from_ycbcr, ycbcr_from_rgb
from upres.image.colour import LUMA_WEIGHTS, STUDIO_BLACK, STUDIO_RANGE
from upres.models.facts import Facts
from upres.predictors.base import Predictor
from upres.upscaling import smooth

RADIUS = 2
"""How far bicubic chroma and the rule for flat alpha look, in lr pixels."""

CARRIED = 8
"""How far colour is carried under clear pixels, in lr pixels: what a picture with alpha adds to the receptive field."""


def least_halo(facts: Facts) -> int:
    """Return how far is looked at whatever the model does, in lr pixels."""
    return smooth.RADIUS if smooth.applies(facts) else RADIUS


_GRAY = tuple(map(np.float32, LUMA_WEIGHTS))
_BLACK, _RANGE = np.float32(STUDIO_BLACK), np.float32(STUDIO_RANGE)

_Enlarge = Callable[[Predictor, NDArray[np.float32]], NDArray[np.float32]]


def enlarge(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enlarge `h w c` in [0, 1], c = 1 (gray) or 3 (R, G, B), to `s·h s·w c`, not clipped.

    A colour model enlarges gray as three equal channels, whose weighted mean is taken: gray stays neutral.
    A one-channel model enlarges the brightness of a colour picture; its chroma is enlarged by bicubic. What is smooth
    is enlarged by bicubic, whatever the model.

    Raises:
        ModelError: the model's output is not what its facts promise.
        FailedError: the runtime could not do it.
    """
    facts = predictor.facts
    by_model = _BY_COLOUR[facts.colour, lr.shape[2]]
    if not smooth.applies(facts):
        return by_model(predictor, lr)
    share = smooth.network_share(lr)
    if share.max() == 0:
        return smooth.enlarge_smooth(lr, facts.scale)
    return smooth.mend_smooth(by_model(predictor, lr), lr, share, facts.scale)


def enlarge_under_alpha(
    predictor: Predictor, lr: NDArray[np.float32], alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Enlarge colours `h w c` on which alpha `h w` lies that is 0 somewhere; as `enlarge`, `CARRIED` farther.

    What stands under clear pixels is nothing that anybody saw, black in most logos, and would darken what they
    border on. So colour is carried under them first, `CARRIED` pixels far. Where all is clear around, the colours
    of the file are kept, enlarged by bicubic: some pictures hide something there on purpose.

    Raises:
        ModelError, FailedError: as `enlarge`.
    """
    scale = predictor.facts.scale
    clear = alpha == 0
    if clear.all():
        return imresize(lr, scale)
    sr = enlarge(predictor, _carried(lr, ~clear) if clear.any() else lr)
    hidden = _windows(alpha).max(axis=(2, 3)) == 0
    if hidden.any():
        kept = hidden.repeat(scale, axis=0).repeat(scale, axis=1)
        sr = np.where(kept[..., None], imresize(lr, scale), sr)
    return sr


def _carried(lr: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fill unknown pixels with the mean of their known neighbours, ring after ring.

    Each pixel's sum is taken in the same order wherever a tile begins, or tiles would show in the last bit.
    """
    height, width = known.shape
    colours = np.pad(np.where(known[..., None], lr, np.float32(0)), ((1, 1), (1, 1), (0, 0)))
    weights = np.pad(known, 1).astype(np.float32)
    for _ in range(CARRIED):
        if weights[1:-1, 1:-1].all():
            break
        total, count = np.zeros_like(lr), np.zeros((height, width), np.float32)
        for down, right in _NEIGHBOURS:
            total += colours[down : down + height, right : right + width]
            count += weights[down : down + height, right : right + width]
        ring = (count > 0) & (weights[1:-1, 1:-1] == 0)
        colours[1:-1, 1:-1][ring] = total[ring] / count[ring][:, None]
        weights[1:-1, 1:-1][ring] = 1
    return np.where(weights[1:-1, 1:-1, None] > 0, colours[1:-1, 1:-1], lr)


_NEIGHBOURS = tuple((down, right) for down in range(3) for right in range(3) if (down, right) != (1, 1))


def _windows(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what lies around each pixel of `h w`, within `RADIUS`: `h w side side`."""
    side = 2 * RADIUS + 1
    return np.lib.stride_tricks.sliding_window_view(np.pad(plane, RADIUS, mode="edge"), (side, side))


def enlarge_alpha(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enlarge alpha `h w` by the model, as a gray picture; what is opaque or clear all around stays so.

    A network gives 0.998 for 1. The rule that mends this looks at 5×5 pixels and not at the tile, or the
    result would depend on where tiles end; a tile that is all opaque or all clear costs no prediction.

    Raises:
        ModelError, FailedError: as `enlarge`.
    """
    scale = predictor.facts.scale
    low, high = float(lr.min()), float(lr.max())
    if low == high and low in (0.0, 1.0):
        return np.full((lr.shape[0] * scale, lr.shape[1] * scale), low, np.float32)
    sr = enlarge(predictor, lr[..., None])[..., 0].copy()
    windows = _windows(lr)
    for level, flat in ((0.0, windows.max(axis=(2, 3)) == 0), (1.0, windows.min(axis=(2, 3)) == 1)):
        sr[flat.repeat(scale, axis=0).repeat(scale, axis=1)] = level
    return sr


def _predict(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run the model on `h w c` of its own channels, and hold it to its facts."""
    facts = predictor.facts
    height, width, channels = lr.shape
    batch = np.ascontiguousarray(lr.transpose(2, 0, 1))[None]
    sr = predictor.predict(batch)
    expected = (1, channels, height * facts.scale, width * facts.scale)
    if sr.shape != expected:
        raise ModelError(
            f"model {facts.name}: gave {sr.shape} for {batch.shape}, and its facts (×{facts.scale}, "
            f"{facts.colour}) promise {expected}; export it again"
        )
    picture: NDArray[np.float32] = sr[0].transpose(1, 2, 0)
    return picture


def _gray_by_rgb(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    sr = _predict(predictor, np.repeat(lr, 3, axis=2))
    # Term by term: the order of a matrix product's sums may change with its shape, which is the tile's.
    gray: NDArray[np.float32] = sr[..., 0] * _GRAY[0] + sr[..., 1] * _GRAY[1] + sr[..., 2] * _GRAY[2]
    return gray[..., None]


def _gray_by_luma(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    # Luma networks are trained on studio-range Y ÷ 255, so gray must look like that to them.
    studio = (_BLACK + _RANGE * lr) / np.float32(255)
    gray: NDArray[np.float32] = (_predict(predictor, studio) * np.float32(255) - _BLACK) / _RANGE
    return gray


def _rgb_by_gray(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    return _rgb_by_one(predictor, lr, _predict)


def _rgb_by_luma(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    return _rgb_by_one(predictor, lr, _gray_by_luma)


def _rgb_by_one(predictor: Predictor, lr: NDArray[np.float32], enlarge_gray: _Enlarge) -> NDArray[np.float32]:
    ycbcr = ycbcr_from_rgb(lr)
    gray = ((ycbcr[..., :1] - _BLACK) / _RANGE).astype(np.float32)
    luma = enlarge_gray(predictor, gray) * _RANGE + _BLACK
    chroma = imresize(ycbcr[..., 1:], predictor.facts.scale)
    return rgb_from_ycbcr(np.dstack([luma, chroma])).astype(np.float32)


# (the model's colour, the picture's channels) → how it is done
_BY_COLOUR: dict[tuple[str, int], _Enlarge] = {
    ("rgb", 3): _predict,
    ("rgb", 1): _gray_by_rgb,
    ("gray", 3): _rgb_by_gray,
    ("gray", 1): _predict,
    ("luma", 3): _rgb_by_luma,
    ("luma", 1): _gray_by_luma,
}
