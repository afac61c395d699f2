"""Test sets: hr pictures with their lr partners, from any source or from a recipe's cache."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.data import Cache, Source, open_source
from upres.data.check import check_pair, cropped, header_faults
from upres.data.evenly_spaced import evenly_spaced
from upres.errors import DataFaultsError
from upres.evaluation.faults import Faults
from upres.image.library_resize import NAMES, Library, antialias_of, reduced
from upres.metrics import Protocol


@dataclass(frozen=True)
class TestPicture:
    """One picture to measure on: lr `h w c`, hr `s·h s·w c`, both uint8."""

    name: str
    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Pictures to measure on.

    Attributes:
        name: of the set, for the head of a table.
        made: how lr came to be, in words.
        pictures: yields them; each time it is called they are decoded anew.
        count: how many there are.
        scale: hr side ÷ lr side.
        protocol: how they are compared unless somebody says otherwise.
    """

    name: str
    made: str
    pictures: Callable[[], Iterator[TestPicture]]
    count: int
    scale: int
    protocol: Protocol


def open_test_set(
    data: str | Path,
    scale: int,
    *,
    kernel: Library = "matlab",
    antialias: bool | None = None,
    limit: int | None = None,
) -> TestSet:
    """Open whatever `upres.data.open_source` takes in one line as pictures to measure on.

    The source's convention says which split is measured and how; its own low resolution is used where it has one.

    Args:
        data: the line.
        scale: hr side ÷ lr side.
        kernel: whose bicubic makes lr where the set has none; by any but MATLAB's, lr is made in any case.
        antialias: whether it is widened by the reduction, `None` for as that library does unless asked; where MATLAB's
            is not, lr is made in any case.
        limit: use only this many pictures, evenly spaced.

    Raises:
        ConfigError: an option in the line that its source does not have, or a kernel that cannot do what is asked.
        DataError: nothing usable is there.
        DataFaultsError: lists what is unreadable, mis-paired or too small, as far as headers tell.
    """
    widened = antialias_of(kernel, antialias)
    published = kernel == "matlab" and widened
    source = open_source(str(data), scale=scale if published else None, evaluated=True)
    chosen = evenly_spaced(len(source), limit)
    if faults := header_faults(source, scale=scale, places=chosen):
        raise DataFaultsError(faults)

    def pictures() -> Iterator[TestPicture]:
        for place in chosen:
            sample = source.sample(place)
            channels = slice(0, 1 if sample.gray and source.convention.gray_kept else None)
            hr = cropped(sample.name, sample.hr[..., channels], scale=scale)
            if sample.lr is None or not published:
                yield TestPicture(sample.name, reduced(hr, scale, kernel, antialias=widened), hr)
                continue
            check_pair(sample.name, sample.hr, sample.lr, scale=scale)
            yield TestPicture(sample.name, np.ascontiguousarray(sample.lr[..., channels]), hr)

    border = source.convention.border
    return TestSet(
        name=source.title or source.describe(),
        made=source.partners
        if published and _paired(source)
        else f"lr by {NAMES[kernel]} bicubic, antialias {'on' if widened else 'off'}",
        pictures=pictures,
        count=len(chosen),
        scale=scale,
        protocol=Protocol(space=source.convention.space, border=scale if border is None else border),
    )


def open_test_sets(
    lines: Sequence[str | Path],
    scale: int,
    *,
    kernel: Library = "matlab",
    antialias: bool | None = None,
    limit: int | None = None,
) -> list[TestSet]:
    """Open several as `open_test_set`, each once.

    Raises:
        ConfigError, DataError, DataFaultsError: all that is wrong with any of them.
    """
    faults = Faults()
    found = [
        faults.of(functools.partial(open_test_set, line, scale, kernel=kernel, antialias=antialias, limit=limit))
        for line in dict.fromkeys(lines)
    ]
    faults.raised()
    return [test_set for test_set in found if test_set is not None]


def folders_of(output: Path, test_sets: Sequence[TestSet]) -> list[Path]:
    """Return where the files of each test set go: of several, into a folder of its name."""
    if len(test_sets) == 1:
        return [output]
    names: list[str] = []
    for test_set in test_sets:
        name = re.sub(r"[^\w.-]+", "-", test_set.name).strip("-.")[:80] or "set"
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return [output / name for name in names]


def cache_test_set(name: str, made: str, cache: Cache, protocol: Protocol, *, limit: int | None = None) -> TestSet:
    """Return the pairs of a cache, as a recipe's training validates on them.

    Args:
        name: of the pictures, for the table.
        made: how their lr partners came to be, in words.
        cache: the pairs.
        protocol: the recipe's.
        limit: use only this many pictures, evenly spaced.
    """
    chosen = evenly_spaced(len(cache), limit)

    def pictures() -> Iterator[TestPicture]:
        for index in chosen:
            yield TestPicture(cache.entries[index].name, np.array(cache.lr(index)), np.array(cache.hr(index)))

    return TestSet(name=name, made=made, pictures=pictures, count=len(chosen), scale=cache.scale, protocol=protocol)


def _paired(source: Source) -> bool:
    """Return whether a source has low resolution of its own; where headers do not tell, by its first picture."""
    outline = source.outline(0)
    return (source.sample(0).lr if outline is None else outline.lr) is not None
