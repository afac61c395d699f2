"""Go through a source once and gather what is told about it."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from upres.data import Sample, Source
from upres.data.check import check_pair, header_faults
from upres.data.evenly_spaced import evenly_spaced
from upres.errors import ConfigError, DataError, DataFaultsError, InputError
from upres.explore.duplicates import alike, same
from upres.explore.pictures import FREQUENCIES, Measurements, Statistics, measured, statistics
from upres.image import imresize

# Pictures in work at once.
_AHEAD = 16
# What is shown of a pair on the sheet: the centre, up to this many hr pixels a side.
_SHOWN = 192


@dataclass(frozen=True)
class Shown:
    """One pair of the sheet: the centre of hr, its lr, and how sharp and how hard it is."""

    name: str
    hr: NDArray[np.uint8]
    lr: NDArray[np.uint8]
    measurements: Measurements


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What was found.

    Attributes:
        description: the source in words.
        scale: hr side ÷ lr side.
        count: pictures in the source.
        names: of the pictures that could be read, in order.
        paired: whether the source has lr of its own.
        faults: a line for everything that is wrong.
        sizes: how many pictures have each `(height, width)`.
        levels: how many pixels have each level, `3 256`.
        gray: how many pictures have three equal channels.
        same, alike: groups of names: equal in every pixel; looking alike (and not all equal).
        measurements: of the pictures of the sample, with their names.
        sheet: a few pairs, from the softest to the sharpest.
    """

    description: str
    scale: int
    count: int
    names: tuple[str, ...]
    paired: bool
    faults: tuple[str, ...]
    sizes: dict[tuple[int, int], int]
    levels: NDArray[np.int64]
    gray: int
    same: tuple[tuple[str, ...], ...]
    alike: tuple[tuple[str, ...], ...]
    measurements: tuple[tuple[str, Measurements], ...]
    sheet: tuple[Shown, ...]

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean level of R, G, B, over all pixels."""
        levels: NDArray[np.float64] = (self.levels * np.arange(256)).sum(axis=1) / self.levels.sum(axis=1)
        return levels

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Deviation of the levels of R, G, B, over all pixels."""
        square = (self.levels * np.arange(256) ** 2).sum(axis=1) / self.levels.sum(axis=1)
        deviations: NDArray[np.float64] = np.sqrt(np.maximum(square - self.means**2, 0))
        return deviations

    @property
    def spectrum(self) -> NDArray[np.float64]:
        """Mean share of the variation in each band of frequency."""
        shares: NDArray[np.float64] = np.mean([one.spectrum for _, one in self.measurements], axis=0)
        return shares

    @property
    def lost(self) -> float:
        """Share of the variation that is finer than lr pixels can hold."""
        return float(self.spectrum[FREQUENCIES // self.scale :].sum())

    def values(self, name: Literal["psnr", "ssim", "sharpness"]) -> NDArray[np.float64]:
        """Return one number of every measured picture."""
        return np.array([getattr(one, name) for _, one in self.measurements], dtype=np.float64)


def explore(
    source: Source,
    *,
    scale: int,
    sample: int = 300,
    shown: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Decode every picture once, and measure some.

    Args:
        source: the pictures.
        scale: hr side ÷ lr side.
        sample: how many pictures, evenly spaced, are measured: detail, frequencies and bicubic take ten times as
            long as all else.
        shown: pairs on the sheet.
        progress: called with pictures done and in all.

    Raises:
        ConfigError: a scale or sample that is none.
        DataFaultsError: no picture at all could be read.
    """
    if scale < 2 or sample < 1:
        raise ConfigError(f"scale = {scale}, sample = {sample}: should be at least 2 and 1")
    faults = header_faults(source, scale=scale)
    chosen = set(evenly_spaced(len(source), sample))
    names: list[str] = []
    seen: list[Statistics] = []
    measurements: list[tuple[str, Measurements]] = []
    places: list[int] = []
    paired = False
    sizes: Counter[tuple[int, int]] = Counter()
    levels = np.zeros((3, 256), np.int64)

    def look(index: int) -> tuple[str, Statistics, Measurements | None, bool] | InputError:
        try:
            pair = source.sample(index)
            if pair.lr is not None:
                check_pair(pair.name, pair.hr, pair.lr, scale=scale)
            sampled = measured(pair.hr, pair.lr, scale) if index in chosen else None
            return pair.name, statistics(pair.hr), sampled, pair.lr is not None
        except InputError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(source), _AHEAD):
            indices = range(start, min(start + _AHEAD, len(source)))
            for index, found in zip(indices, pool.map(look, indices), strict=True):
                if isinstance(found, InputError):
                    faults.append(str(found))
                    continue
                name, one, sampled, has_lr = found
                names.append(name)
                sizes[one.size] += 1
                levels += one.levels
                seen.append(dataclasses.replace(one, levels=levels[:0]))  # kept for many pictures, so without these
                paired |= has_lr
                if sampled is not None:
                    measurements.append((name, sampled))
                    places.append(index)
            if progress is not None:
                progress(min(start + _AHEAD, len(source)), len(source))
    faults = list(dict.fromkeys(faults))  # what the header told, decoding tells again
    if not names:
        raise DataFaultsError(faults)
    exact = same([one.digest for one in seen])
    near = [
        group
        for group in alike([one.code for one in seen], [one.thumb for one in seen])
        if len({seen[place].digest for place in group}) > 1
    ]
    return Exploration(
        description=source.describe(),
        scale=scale,
        count=len(source),
        names=tuple(names),
        paired=paired,
        faults=tuple(faults),
        sizes=dict(sizes.most_common()),
        levels=levels,
        gray=sum(one.gray for one in seen),
        same=tuple(tuple(names[place] for place in group) for group in exact),
        alike=tuple(tuple(names[place] for place in group) for group in near),
        measurements=tuple(measurements),
        sheet=_sheet(source, measurements, places, scale, shown),
    )


def _sheet(
    source: Source, measurements: list[tuple[str, Measurements]], places: list[int], scale: int, shown: int
) -> tuple[Shown, ...]:
    order = np.argsort([one.sharpness for _, one in measurements])
    picked = evenly_spaced(len(order), shown)
    return tuple(_shown(source.sample(places[order[pick]]), measurements[order[pick]][1], scale) for pick in picked)


def _shown(pair: Sample, measurements: Measurements, scale: int) -> Shown:
    rows, columns = (min(side // scale, _SHOWN // scale) for side in pair.hr.shape[:2])
    top, left = ((side // scale - kept) // 2 for side, kept in zip(pair.hr.shape[:2], (rows, columns), strict=True))
    hr = pair.hr[top * scale : (top + rows) * scale, left * scale : (left + columns) * scale]
    lr = imresize(hr, 1 / scale) if pair.lr is None else pair.lr[top : top + rows, left : left + columns]
    if not lr.size:
        raise DataError(f"{pair.name}: too small for scale {scale}")
    return Shown(pair.name, np.ascontiguousarray(hr), np.ascontiguousarray(lr), measurements)
