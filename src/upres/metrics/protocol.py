"""The conventions under which a number was measured, which belong beside every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.errors import DataError
from upres.image.colour import gray, luma
from upres.image.picture import peak
from upres.metrics.metric import Metric
from upres.metrics.table import metric

_SPACES = {
    "luma": "luma BT.601 studio range",
    "rgb": "RGB",
    "gray": "gray BT.601 full range",
}


@config
class Protocol:
    """How a pair of pictures is prepared before a metric sees it. All of it happens on the 0-255 scale.

    The defaults, with `border` set to the scale, are what the super-resolution papers report (Timofte 2013,
    Dong 2014 and nearly all since): both pictures as 8-bit RGB, luma computed from them in floating point and
    *not* rounded again, the border left out because the resampling kernel reached outside there.

    A picture of one channel is measured as it is, in every space. For `luma` that puts it on the full 0-255
    range and not on 16-235: the papers' MATLAB scripts convert only three-channel pictures, so the published
    Set14 rows have `bridge` that way.

    Attributes:
        space: `luma`, `rgb` (every channel alike) or `gray`.
        border: pixels left out on each side.
        quantised: round both pictures to 8 bits first, as files hold them; without it an 8-bit rounding error
            that a viewer would see is not counted.
    """

    space: Literal["luma", "rgb", "gray"] = "luma"
    border: int = 0
    quantised: bool = True

    def describe(self) -> str:
        """Return the protocol in one line, to be printed beside every number.

        >>> Protocol(border=4).describe()
        'luma BT.601 studio range, border 4, 8-bit'
        """
        return f"{_SPACES[self.space]}, border {self.border}, {'8-bit' if self.quantised else 'unrounded'}"


def measure(
    sr: NDArray[Any], hr: NDArray[Any], protocol: Protocol, metrics: Sequence[str] = ("psnr", "ssim")
) -> dict[str, float]:
    """Return each metric of `sr` against `hr` under a protocol: PSNR in dB, MAE and MSE with white = 1.

    Args:
        sr, hr: `h w` or `h w c`, c = 1 or 3, the same shape; uint8, uint16, or floats in [0, 1] each.
        protocol: how to prepare them.
        metrics: names from `METRICS`, of those that need no options.

    Raises:
        ConfigError: a metric is unknown, or needs options.
        DataError: the pictures do not pair, or nothing is left inside the border.
    """
    return measure_with({name: metric(name) for name in metrics}, sr, hr, protocol)


def measure_with(
    metrics: Mapping[str, Metric], sr: NDArray[Any], hr: NDArray[Any], protocol: Protocol
) -> dict[str, float]:
    """Return the number that each of some built metrics gives, as `measure`, which says what `sr` and `hr` may be.

    Raises:
        DataError: the pictures do not pair, or nothing is left inside the border.
    """
    return {name: values[0] for name, values in measure_several(metrics, sr[None], hr[None], protocol).items()}


def measure_several(
    metrics: Mapping[str, Metric], srs: NDArray[Any], hrs: NDArray[Any], protocol: Protocol
) -> dict[str, list[float]]:
    """Return each metric's numbers of pictures of one size, `n h w` or `n h w c`, as `measure_with` of each.

    Raises:
        DataError: the pictures do not pair, or nothing is left inside the border.
    """
    sr, hr = srs[0], hrs[0]
    if srs.shape != hrs.shape:
        raise DataError(f"sr is {_size(sr)} and hr {_size(hr)}; they must be the same size, so crop hr or check scale")
    if sr.ndim not in (2, 3) or (sr.ndim == 3 and sr.shape[2] not in (1, 3)):
        raise DataError(f"sr and hr are {sr.shape}; a protocol takes h w or h w c, with c = 1 or 3")
    border, (height, width) = protocol.border, hr.shape[:2]
    if border < 0 or 2 * border >= min(height, width):
        raise DataError(f"border {border} leaves nothing of {width}×{height}; use a smaller border or larger pictures")
    inside = (slice(None), slice(border, height - border), slice(border, width - border))
    prepared = tuple(_prepared(pictures[inside], protocol) for pictures in (srs, hrs))
    return {name: one.several(*(prepared if one.by_protocol else (srs, hrs))) for name, one in metrics.items()}


def _prepared(pictures: NDArray[Any], protocol: Protocol) -> NDArray[np.float64]:
    """Return pixels `n h w` or `n h w c` on the 0-255 scale in the protocol's space, float64."""
    values = np.asarray(pictures, dtype=np.float64)
    if pictures.dtype != np.uint8:
        values = values * (255.0 / peak(pictures.dtype))
        if protocol.quantised:
            values = np.floor(np.clip(values, 0, 255) + 0.5)
    if values.ndim == 3 or values.shape[3] == 1 or protocol.space == "rgb":
        return values
    return luma(values / 255) if protocol.space == "luma" else gray(values)


def _size(picture: NDArray[Any]) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}×{picture.shape[2] if picture.ndim == 3 else 1}"
