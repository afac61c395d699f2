"""Bands of rows: pictures of which no more than a few hundred rows are in memory at a time.

Bands are `rows w c` with alpha last when there is one, uint8, uint16, or float32 in [0, 1], from the top.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.background import Colour
from upres.image.picture import Picture, from_unit, to_unit

OPAQUE, CLEAR, PARTIAL = "opaque", "clear", "partial"

UNIT = (0.0, 1.0)
"""The span of pictures whose floats stand for themselves."""

# Some ten bands are under way at once. What is freed in one thread is seldom what another asks for next, so glibc keeps
# several times as much: with 8 MB a band a picture of 24,000 columns took 610 MB ×2, with 1 MB 480, as fast.
_BAND_BYTES = 1_000_000
_MOST_ROWS = 256


@dataclass(frozen=True)
class Shape:
    """What bands are bands of.

    Attributes:
        height, width: the whole picture.
        channels: 1 (gray), 2 (gray, alpha), 3 (R, G, B) or 4 (R, G, B, alpha).
        dtype: uint8, uint16 or float32, by name.
    """

    height: int
    width: int
    channels: int
    dtype: str

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.width * self.channels * np.dtype(self.dtype).itemsize

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def band_rows(self) -> int:
        """Return how many rows to handle at once, where nothing else decides it."""
        return max(1, min(_MOST_ROWS, _BAND_BYTES // self.row_bytes, self.height))

    def without_alpha(self) -> Shape:
        """Return the shape of the same picture without its alpha."""
        return replace(self, channels=self.channels - 1) if self.alpha else self

    def laid_on(self, background: Colour | None) -> Shape:
        """Return the shape of the picture on a colour, where it has alpha and there is one."""
        if background is None or not self.alpha:
            return self
        return replace(self, channels=1 if self.channels == 2 and len(set(background)) == 1 else 3)


def shape_of(picture: Picture) -> Shape:
    """Return what bands of a picture are bands of."""
    channels = picture.pixels.shape[2] + (picture.alpha is not None)
    return Shape(picture.height, picture.width, channels, picture.pixels.dtype.name)


def neutral(band: NDArray[Any]) -> bool:
    """Return whether all of R, G, B, alpha or not, is gray: R = G = B."""
    return band.shape[2] in (3, 4) and bool((band[..., 1:3] == band[..., :1]).all())


def as_gray(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield neutral bands as gray ones, with alpha where they have it."""
    return (np.ascontiguousarray(band[..., ::3] if band.shape[2] == 4 else band[..., :1]) for band in bands)


def as_rgb(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield gray bands, with alpha or not, as neutral ones of R, G, B."""
    return (np.concatenate([band[..., :1]] * 3 + [band[..., 1:]], axis=2) for band in bands)


def without_alpha(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield bands without their last channel."""
    return (np.ascontiguousarray(band[..., :-1]) for band in bands)


def from_span(band: NDArray[Any], span: tuple[float, float], *, alpha: bool) -> NDArray[Any]:
    """Bring floats of a file's own span to [0, 1]; the last channel stays as it is when it is alpha."""
    if span == UNIT:
        return band
    low, high = span
    colours = band[..., :-1] if alpha else band
    scaled = np.clip((colours - np.float64(low)) / (high - low), 0, 1).astype(np.float32)
    return np.concatenate([scaled, band[..., -1:]], axis=2) if alpha else scaled


def to_stored(band: NDArray[Any], dtype: str, *, span: tuple[float, float] = UNIT, alpha: bool) -> NDArray[Any]:
    """Return a band in the numbers that a file holds: of another dtype, or of the picture's own span."""
    if span != UNIT:
        low, high = span
        colours = band[..., :-1] if alpha else band
        scaled = (colours * np.float64(high - low) + low).astype(np.float32)
        band = np.concatenate([scaled, band[..., -1:]], axis=2) if alpha else scaled
    return np.ascontiguousarray(band if band.dtype == dtype else from_unit(to_unit(band), dtype))
