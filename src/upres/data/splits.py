"""A run's data: every split checked, all faults told at once, then opened from the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from upres.config.named_parts import NamedPart, build
from upres.data.cache import Cache, build_cache, cached
from upres.data.check import header_faults, outline_faults
from upres.data.sources.source import Outline, Source
from upres.data.sources.table import SOURCES
from upres.errors import DataFaultsError, InputError
from upres.models.facts import Colour

if TYPE_CHECKING:  # its table imports PyTorch, which evaluation does without
    from upres.degrade import Degradation


def open_splits(
    splits: Mapping[str, Sequence[NamedPart]],
    degradation: Degradation,
    description: str,
    *,
    root: Path,
    scale: int,
    colour: Colour,
    seed: int,
    patch: Mapping[str, int] | None = None,
    home: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Cache]:
    """Check and open the pictures of every split.

    Args:
        splits: the sources of each, by its name: one below `data` in a recipe, or a dotted key from its top.
        degradation, description, scale, colour, seed, home: as `build_cache`.
        root: folder that the sources' paths are relative to.
        patch: the side of training crops in lr pixels, of the splits that are cropped.
        log: called with one line for every thing worth telling.

    Raises:
        DataFaultsError: lists what is missing, unreadable, mis-paired or too small in any of them.
    """
    patch = patch or {}
    faults: list[str] = []
    opened = {split: _sources(split, parts, root, faults) for split, parts in splits.items()}
    caches: dict[str, Cache] = {}
    for split, sources in opened.items():
        if len(sources) < len(splits[split]):
            faults += _header_faults(sources, scale, patch.get(split))
            continue
        ready = cached(sources, description, scale=scale, colour=colour, seed=seed, home=home)
        if ready is None:
            faults += _header_faults(sources, scale, patch.get(split))
        else:
            caches[split] = ready
            faults += [
                fault
                for entry in ready.entries
                for fault in outline_faults(
                    Outline(entry.name, (entry.height * scale, entry.width * scale)),
                    scale=scale,
                    patch=patch.get(split),
                )
            ]
    if faults:
        raise DataFaultsError(faults)
    for split, sources in opened.items():
        if split in caches:
            continue
        for source in sources:
            log(f"{split}: {source.describe()}")
        try:
            caches[split] = build_cache(
                sources,
                degradation,
                description,
                scale=scale,
                colour=colour,
                seed=seed,
                home=home,
                progress=_progress(split, log),
            )
        except DataFaultsError as error:
            faults += error.faults
    if faults:
        raise DataFaultsError(faults)
    return caches


def _sources(split: str, parts: Sequence[NamedPart], root: Path, faults: list[str]) -> list[Source]:
    found = []
    for number, part in enumerate(parts):
        try:
            source = build(SOURCES, part, root=root)
            len(source)  # arrays are read only now
        except InputError as error:
            faults.append(f"{split if '.' in split else f'data.{split}'}.{number}: {error}")
        else:
            found.append(source)
    return found


def _header_faults(sources: Sequence[Source], scale: int, patch: int | None) -> list[str]:
    return [fault for source in sources for fault in header_faults(source, scale=scale, patch=patch)]


def _progress(split: str, log: Callable[[str], None]) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == total or done % 1000 < 8:
            log(f"{split}: decoding pictures into the cache: {done:,} of {total:,}")

    return progress
