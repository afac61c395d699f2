"""Pictures that are the same, and pictures that look the same, among many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

# Codes that differ in at most this many of their 64 bits are compared further. Two such codes agree in at least one
# of five runs of bits, so only those that share a run need to be looked at.
_BITS = 4
_RUNS = ((0, 13), (13, 26), (26, 39), (39, 52), (52, 64))
# And then their thumbs may differ by this many levels (root mean square): copies that were compressed or resized
# stay below 3, aligned faces of different people are above 10.
_LEVELS = 5.0
# Pairs compared at once.
_AT_ONCE = 500_000


def same(keys: Sequence[Hashable]) -> list[list[int]]:
    """Return the places of equal keys, each group of two or more in order."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        groups[key].append(place)
    return [group for group in groups.values() if len(group) > 1]


def alike(codes: Sequence[int], thumbs: Sequence[NDArray[np.uint8]]) -> list[list[int]]:
    """Return the places of pictures that look alike, in groups.

    Args:
        codes: 64 bits each.
        thumbs: of one shape.
    """
    if not codes:
        return []
    lights = np.stack(thumbs).reshape(len(thumbs), -1).astype(np.float32)
    distinct, first, of = np.unique(np.array(codes, dtype=np.uint64), return_index=True, return_inverse=True)
    leader = list(range(len(codes)))

    def root(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    def join(one: int, other: int) -> None:
        if np.sqrt(((lights[one] - lights[other]) ** 2).mean()) <= _LEVELS:
            low, high = sorted((root(one), root(other)))
            leader[high] = low

    for place, code in enumerate(of):
        if place != first[code]:
            join(int(first[code]), place)
    for one, other in _near(distinct):
        join(int(first[one]), int(first[other]))
    return same([root(place) for place in range(len(codes))])


def _near(codes: NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Return the places of pairs of distinct codes that differ in few bits."""
    found: set[tuple[int, int]] = set()
    for low, high in _RUNS:
        run = (codes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(run, kind="stable")
        starts = np.flatnonzero(np.diff(run[order], prepend=run[order][0] + np.uint64(1)))
        for group in np.split(order, starts[1:]):
            step = max(1, _AT_ONCE // len(group))
            for start in range(0, len(group), step):
                rows = group[start : start + step]
                different = codes[rows][:, None] ^ codes[group][None, :]
                ones, others = np.nonzero(_ones(different) <= _BITS)
                found.update((int(a), int(b)) for a, b in zip(rows[ones], group[others], strict=True) if a < b)
    return found


def _ones(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Count the bits that are set in each word, by adding neighbours (numpy has its own from version 2 only)."""
    pairs = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + ((pairs >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bytes_ = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    ones: NDArray[np.uint64] = (bytes_ * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return ones
