"""Pictures decoded once: hr and lr pixels in one memory-mapped file each, so that a patch is a copy.

Layout of a cache folder: `hr.bin` and `lr.bin` hold the pixels of all pictures one after another (uint8,
`h w c`), `index.json` their names and sizes. The folder's name is a hash of everything that decides its
content; it appears by a rename when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from upres.data.check import check_pair, cropped
from upres.data.sources.source import Sample, Source
from upres.errors import DataFaultsError, InputError
from upres.image import luma
from upres.models.facts import Colour
from upres.storage.cache_home import cache_home

if TYPE_CHECKING:  # its table imports PyTorch, which evaluation does without
    from upres.degrade import Degradation

# Raise it when the same inputs would give other pixels than before.
_VERSION = 1
_AHEAD = 8


@dataclass(frozen=True)
class Entry:
    """Where one picture lies: its name, its lr size, and the offset of its first byte in either file."""

    name: str
    height: int
    width: int
    hr_offset: int
    lr_offset: int


class Cache:
    """Paired pictures, memory-mapped. `hr(i)` is `s·h s·w c` and `lr(i)` is `h w c`, views of uint8."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.folder = folder
        self.scale: int = index["scale"]
        self.channels: int = index["channels"]
        self.entries = [Entry(*fields) for fields in index["entries"]]
        # As plain arrays: each slice of a memmap is an object of its own that costs as much as copying a patch.
        self._hr = np.memmap(folder / "hr.bin", dtype=np.uint8, mode="r").view(np.ndarray)
        self._lr = np.memmap(folder / "lr.bin", dtype=np.uint8, mode="r").view(np.ndarray)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def pixels(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """All pixels of hr, and of lr, one picture after another: `pixels c`."""
        hr, lr = (flat.reshape(-1, self.channels) for flat in (self._hr, self._lr))
        return hr, lr

    def hr(self, index: int) -> NDArray[np.uint8]:
        """Return the high-resolution picture."""
        entry, scale = self.entries[index], self.scale
        shape = (entry.height * scale, entry.width * scale, self.channels)
        size = shape[0] * shape[1] * shape[2]
        return self._hr[entry.hr_offset : entry.hr_offset + size].reshape(shape)

    def lr(self, index: int) -> NDArray[np.uint8]:
        """Return the low-resolution picture."""
        entry = self.entries[index]
        shape = (entry.height, entry.width, self.channels)
        size = shape[0] * shape[1] * shape[2]
        return self._lr[entry.lr_offset : entry.lr_offset + size].reshape(shape)


def build_cache(
    sources: Sequence[Source],
    degradation: Degradation,
    description: str,
    *,
    scale: int,
    colour: Colour,
    seed: int,
    home: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Cache:
    """Decode every picture of the sources once, make its lr partner, and open the result.

    Args:
        sources: where the pictures come from.
        degradation: makes lr from hr where the source has no lr of its own.
        description: the degradation and its configuration in words; part of the cache's identity.
        scale: hr side ÷ lr side; hr is cropped at the bottom and right to a multiple of it.
        colour: `rgb` keeps three channels; `luma` and `gray` keep BT.601 Y (studio or full range).
        seed: for random degradations; picture `i` always gets the generator `(seed, i)`.
        home: folder of caches.
        progress: called with pictures done and in all.

    Raises:
        DataFaultsError: lists the pictures that cannot be read, are smaller than one lr pixel, or whose lr partner
            has another size or shows something else.
    """
    folder = _place(sources, description, scale=scale, colour=colour, seed=seed, home=home)
    if (folder / "index.json").is_file():
        return Cache(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fill(work, sources, degradation, scale=scale, colour=colour, seed=seed, progress=progress)
        try:
            work.rename(folder)
        except OSError:  # another process finished the same cache first
            if not (folder / "index.json").is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Cache(folder)


def cached(
    sources: Sequence[Source],
    description: str,
    *,
    scale: int,
    colour: Colour,
    seed: int,
    home: Path | None = None,
) -> Cache | None:
    """Return the cache that `build_cache` made of the same before, or `None`."""
    folder = _place(sources, description, scale=scale, colour=colour, seed=seed, home=home)
    return Cache(folder) if (folder / "index.json").is_file() else None


def _place(
    sources: Sequence[Source], description: str, *, scale: int, colour: Colour, seed: int, home: Path | None
) -> Path:
    identity = "\n".join([str(_VERSION), description, str((scale, colour, seed)), *(s.fingerprint() for s in sources)])
    return (home or cache_home()) / hashlib.sha256(identity.encode()).hexdigest()[:20]


def _fill(
    work: Path,
    sources: Sequence[Source],
    degradation: Degradation,
    *,
    scale: int,
    colour: Colour,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    places = [(source, index) for source in sources for index in range(len(source))]
    entries: list[Entry] = []
    faults: list[str] = []
    hr_offset = lr_offset = 0

    def pair(number: int) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8]] | InputError:
        source, index = places[number]
        rng = np.random.default_rng((seed, number))
        try:
            return paired(source.sample(index), degradation, scale=scale, colour=colour, rng=rng)
        except InputError as error:  # the others are looked at all the same, so that all faults are told at once
            return error

    # libvips and numpy release the interpreter lock; a few pictures ahead keep memory bounded.
    with (
        (work / "hr.bin").open("wb") as hr_file,
        (work / "lr.bin").open("wb") as lr_file,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        for start in range(0, len(places), _AHEAD):
            for made in pool.map(pair, range(start, min(start + _AHEAD, len(places)))):
                if isinstance(made, InputError):
                    faults.append(str(made))
                if isinstance(made, InputError) or faults:
                    continue
                name, hr, lr = made
                entries.append(Entry(name, lr.shape[0], lr.shape[1], hr_offset, lr_offset))
                hr_offset += hr_file.write(hr.tobytes())
                lr_offset += lr_file.write(lr.tobytes())
            if progress is not None:
                progress(min(start + _AHEAD, len(places)), len(places))
    if faults:
        raise DataFaultsError(faults)
    index = {
        "scale": scale,
        "channels": 3 if colour == "rgb" else 1,
        "entries": [[e.name, e.height, e.width, e.hr_offset, e.lr_offset] for e in entries],
    }
    (work / "index.json").write_text(json.dumps(index))


def paired(
    sample: Sample, degradation: Degradation, *, scale: int, colour: Colour, rng: np.random.Generator
) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a picture's name, hr `s·h s·w c` and lr `h w c`, as a cache holds them.

    Raises:
        DataError: it is smaller than one lr pixel, or its lr partner does not fit.
    """
    hr = to_colour(cropped(sample.name, sample.hr, scale=scale), colour)
    if sample.lr is None:
        return sample.name, hr, degradation(hr, scale=scale, rng=rng)
    check_pair(sample.name, sample.hr, sample.lr, scale=scale)
    return sample.name, hr, to_colour(sample.lr, colour)


def to_colour(rgb: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """Return `h w c` in the channels a model of that colour takes; luma and gray are rounded to 8 bits."""
    if colour == "rgb":
        return np.ascontiguousarray(rgb)
    y = luma(rgb / 255.0)
    if colour == "gray":  # the same weights on the full range
        y = (y - 16) * (255 / 219)
    return np.floor(np.clip(y, 0, 255) + 0.5).astype(np.uint8)[..., None]
