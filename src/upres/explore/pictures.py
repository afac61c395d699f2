"""What is measured of one picture, pure: what is cheap of every picture, and what is worth its time of some."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image import from_unit, gray, imresize, to_unit
from upres.metrics import Protocol, measure
from upres.metrics.ssim import WINDOW

# What takes long is measured at the centre of larger pictures.
CENTRE = 512
THUMB = 16
FREQUENCIES = 32


@dataclass(frozen=True)
class Statistics:
    """What is cheap enough for every picture.

    Attributes:
        size: `(height, width)`.
        levels: how many pixels have each level, `3 256`.
        gray: whether the three channels are equal.
        digest: of the pixels; equal for pictures that are the same in every one.
        code: 64 bits of which neighbouring parts are brighter; near for pictures that look alike.
        thumb: mean light of 16×16 blocks.
    """

    size: tuple[int, int]
    levels: NDArray[np.int64]
    gray: bool
    digest: bytes
    code: int
    thumb: NDArray[np.uint8]


@dataclass(frozen=True)
class Measurements:
    """What takes ten times as long, so that it is measured of a sample.

    Attributes:
        sharpness: deviation of the Laplacian of gray levels; blur lowers it.
        spectrum: share of the variation in each of 32 bands from frequency 0 to half a cycle a pixel.
        psnr, ssim: bicubic enlargement of lr against hr, luma, border of the scale.
    """

    sharpness: float
    spectrum: NDArray[np.float64]
    psnr: float
    ssim: float


def statistics(hr: NDArray[np.uint8]) -> Statistics:
    """Return the statistics of `h w 3`."""
    levels = np.stack([np.bincount(hr[..., channel].ravel(), minlength=256) for channel in range(3)])
    equal = bool((hr[..., 0] == hr[..., 1]).all() and (hr[..., 1] == hr[..., 2]).all())
    digest = hashlib.blake2b(hr.tobytes() + repr(hr.shape).encode(), digest_size=16).digest()
    return Statistics(
        (hr.shape[0], hr.shape[1]), levels, equal, digest, code_of(hr), _blocks(hr, THUMB, THUMB).astype(np.uint8)
    )


def measured(hr: NDArray[np.uint8], lr: NDArray[np.uint8] | None, scale: int) -> Measurements | None:
    """Measure the centre of `h w 3`, with its own partner or one made by bicubic; `None` where it is too small."""
    hr, lr = _centre(hr, lr, scale)
    if min(hr.shape[:2]) < WINDOW + 2 * scale:  # inside the border
        return None
    small = imresize(hr, 1 / scale) if lr is None else lr
    # Rounded once, as `upres evaluate` does, so that both give the same number.
    enlarged = from_unit(imresize(to_unit(small), size=(hr.shape[0], hr.shape[1])), np.uint8)
    values = measure(enlarged, hr, Protocol(border=scale))
    light = gray(hr)
    return Measurements(sharpness(light), spectrum(light), values["psnr"], values["ssim"])


def sharpness(light: NDArray[np.float64]) -> float:
    """Return the deviation of the four-neighbour Laplacian of `h w`, in levels."""
    inner = light[1:-1, 1:-1]
    laplacian = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] - 4 * inner
    return float(laplacian.std())


def spectrum(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the variation of `h w` in each band of frequency, from 0 to half a cycle a pixel.

    A Hann window keeps the borders, which do not meet, from looking like detail.
    """
    height, width = light.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    power = np.abs(np.fft.rfft2((light - light.mean()) * window)) ** 2
    power[:, 1 : (width + 1) // 2] *= 2  # the half that rfft2 leaves out mirrors this one
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    band = np.floor(radius * 2 * FREQUENCIES).astype(int)
    total = np.bincount(band.ravel(), power.ravel(), FREQUENCIES)[:FREQUENCIES]  # without the corners of the square
    shares: NDArray[np.float64] = total / max(float(total.sum()), 1e-12)
    return shares


def code_of(hr: NDArray[Any]) -> int:
    """Return 64 bits: of 8 rows of 9 blocks, which is brighter than the one to its left."""
    blocks = _blocks(hr, 8, 9)
    bits = (blocks[:, 1:] > blocks[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _blocks(hr: NDArray[Any], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the mean light of `rows columns` blocks; a picture with fewer pixels repeats them."""
    light = hr.sum(axis=2, dtype=np.int64)
    if light.shape[0] < rows or light.shape[1] < columns:
        up, across = -(-rows // light.shape[0]), -(-columns // light.shape[1])
        light = light.repeat(up, axis=0).repeat(across, axis=1)
    edges = [
        np.linspace(0, side, parts + 1).astype(int) for side, parts in zip(light.shape, (rows, columns), strict=True)
    ]
    sums = np.add.reduceat(np.add.reduceat(light, edges[0][:-1], axis=0), edges[1][:-1], axis=1)
    counts = np.diff(edges[0])[:, None] * np.diff(edges[1])[None, :]
    means: NDArray[np.float64] = sums / (3 * counts)
    return means


def _centre(
    hr: NDArray[np.uint8], lr: NDArray[np.uint8] | None, scale: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    height, width = (min(side // scale, CENTRE // scale) for side in hr.shape[:2])
    top, left = ((side // scale - kept) // 2 for side, kept in zip(hr.shape[:2], (height, width), strict=True))
    part = hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return part, None if lr is None else lr[top : top + height, left : left + width]
