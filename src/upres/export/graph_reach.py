"""How a graph may be cut into tiles, found out by running it: its multiple and its receptive field's radius.

Where a picture changes, everything that sees the change changes. So two pictures that are equal on one side of a line
and different on the other tell how far is looked across it: as far as what comes out differs, in any bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from upres.errors import FailedError

Enlarge = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""`n c h w` → `n c s·h s·w`; raises FailedError on a size that it does not take."""

_MULTIPLES = range(1, 129)
# Sides, in multiples, that must work for a multiple to be one: a single one, odd and even numbers of them.
_COUNTS = ((1, 1), (3, 5), (6, 1))
# Lengths of the strips in which a radius is looked for; of the last seven eighths, 672 pixels, can be seen.
_LENGTHS = (64, 192, 768)
_THICKNESS = 8
# Beyond [0, 1]: what a long way weakens would be lost in the last bit.
_AMPLITUDES = (1.0, 1000.0, -1000.0)
# Places of a line within a multiple that are tried; of larger multiples the rest is added.
_PHASES = 8
ROUNDING = 3e-6
"""How far tiles in float32 may be from the whole picture, as a share of its largest value: sums have another order.

Of 20 architectures of upres's own the tiles of those that are exact are at most 2e-7 off; of one that looks at the
whole picture a little, untrained, 8e-6.
"""

# Side up to which tiles are tried in both directions at once.
_WHOLE = 160


def multiple(enlarge: Enlarge, channels: int, scale: int) -> int | None:
    """Return the smallest number of whose multiples pictures' sides may be, or `None` where there is none up to 128."""

    def works(number: int) -> bool:
        for rows, columns in _COUNTS:
            height, width = rows * number, columns * number
            try:
                sr = enlarge(np.full((1, channels, height, width), 0.5, np.float32))
            except FailedError:
                return False
            if sr.shape != (1, channels, height * scale, width * scale):
                return False
        return True

    return next((number for number in _MULTIPLES if works(number)), None)


def reach(
    enlarge: Enlarge, channels: int, scale: int, number: int, rounding: float = ROUNDING
) -> tuple[int | None, int]:
    """Return how far an output pixel looks, in lr pixels, and the multiple at which tiles may begin.

    The radius is `None` where a pixel sees the whole picture, farther than 672 pixels, or depends on the size.
    The multiple is `number` or a multiple of it: a network that fills odd sides up by itself takes all of them, and
    still halves from an even pixel on.

    Args:
        enlarge: the graph.
        channels, scale: of its pictures.
        number: the multiple of which its sides must be.
        rounding: how far tiles may be from the whole picture, as a share of its largest value.
    """
    radius = _radius(enlarge, channels, scale, number)
    if radius is None:
        return None, number
    for times in (1, 2, 3, 4, 6, 8, 12, 16, 32, 64):
        found = number * times
        if times > 1:
            radius = _radius(enlarge, channels, scale, found)
            if radius is None:
                break
        if max(check(enlarge, channels, scale, found, radius) for check in (_moved_differs, tiles_differ)) <= rounding:
            return radius, found
    return None, number


def tiles_differ(enlarge: Enlarge, channels: int, scale: int, number: int, radius: int) -> float:
    """Return how far tiles are from the whole picture, as a share of its largest value; tiles are cut as upres does."""
    side = _up(4 * radius + 32, number) + 6 * number
    thickness = side if side <= _WHOLE else _up(_THICKNESS, number)
    worst = 0.0
    for turned in (False, True):
        lr = _noise(channels, thickness, side, turned, seed=3)
        whole = enlarge(lr)
        most = max(1.0, float(np.abs(whole).max()))
        bounds = (0, side // 3, 2 * side // 3, side)
        for start, stop in itertools.pairwise(bounds):
            first = max(0, (start - radius) // number * number)
            last = min(side, _up(stop + radius, number))
            given = _cut(lr, first, last, turned)
            core = _cut(enlarge(given), (start - first) * scale, (stop - first) * scale, turned)
            expected = _cut(whole, start * scale, stop * scale, turned)
            worst = max(worst, float(np.abs(core - expected).max()) / most)
    return worst


def _radius(enlarge: Enlarge, channels: int, scale: int, number: int) -> int | None:
    for length in _LENGTHS:
        found = _radius_within(enlarge, channels, scale, number, _up(length, number))
        if found is not None:
            return found
    return None


def _radius_within(enlarge: Enlarge, channels: int, scale: int, number: int, length: int) -> int | None:
    """Return the radius, or `None` where it is too large for a strip of this length."""
    thickness = _up(_THICKNESS, number)
    step = max(1, number // _PHASES)
    edge = _up(length // 8, number)
    most = 0
    for turned in (False, True):
        base = _noise(channels, thickness, length, turned, seed=0)
        expected = enlarge(base)
        for phase in range(0, number, step):
            for seed, amplitude in enumerate(_AMPLITUDES, 1):
                other = _noise(channels, thickness, length, turned, seed=seed) * np.float32(amplitude)
                for flipped in (False, True):
                    at = length - edge - phase if flipped else edge + phase
                    changed = base.copy()
                    outside = slice(at, None) if flipped else slice(0, at)
                    changed[_along(outside, turned)] = other[_along(outside, turned)]
                    seen = _seen(enlarge(changed), expected, scale, turned)
                    inside = seen[:at][::-1] if flipped else seen[at:]
                    depth = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
                    if depth > 0.9 * len(inside):
                        return None
                    most = max(most, depth)
    return most + step - 1


def _seen(sr: NDArray[np.float32], expected: NDArray[np.float32], scale: int, turned: bool) -> NDArray[np.bool_]:
    """Return which lr columns, or rows, differ in any of their pixels; what is no number differs."""
    differs = ~(sr == expected)
    lines: NDArray[np.bool_] = differs.any(axis=(0, 1, 3) if turned else (0, 1, 2))
    seen: NDArray[np.bool_] = np.logical_or.reduce(lines.reshape(-1, scale), axis=1)
    return seen


def _moved_differs(enlarge: Enlarge, channels: int, scale: int, number: int, radius: int) -> float:
    """Return how far a picture that is moved by the multiple is from the same, moved, as `tiles_differ`."""
    length = _up(2 * radius + 24, number) + 3 * number
    worst = 0.0
    for turned in (False, True):
        lr = _noise(channels, _up(_THICKNESS, number), length, turned, seed=2)
        whole = enlarge(lr)
        moved = enlarge(_cut(lr, number, length, turned))
        ours = _cut(moved, radius * scale, (length - number) * scale, turned)
        theirs = _cut(whole, (number + radius) * scale, length * scale, turned)
        worst = max(worst, float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(whole).max())))
    return worst


def _noise(channels: int, thickness: int, length: int, turned: bool, *, seed: int) -> NDArray[np.float32]:
    """Return a strip of noise in [0, 1]: lying, or standing where it is turned."""
    sides = (length, thickness) if turned else (thickness, length)
    return np.random.default_rng(seed).random((1, channels, *sides), dtype=np.float32)


def _along(part: slice, turned: bool) -> tuple[slice, ...]:
    full = slice(None)
    return (full, full, part, full) if turned else (full, full, full, part)


def _cut(planes: NDArray[np.float32], start: int, stop: int, turned: bool) -> NDArray[np.float32]:
    return np.ascontiguousarray(planes[_along(slice(start, stop), turned)])


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
