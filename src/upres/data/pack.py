"""Pictures → patches in `.npz` files: `hr_images.npz`, and `hr_lr_images.npz` with their low-resolution partners.

Pixels go to the disk as they are cut, so that memory holds a few pictures however many pairs there are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from upres.data import Sample, Source
from upres.data.check import check_pair, header_faults
from upres.data.sources.npz import PACKED
from upres.degrade import Degradation
from upres.errors import ConfigError, DataError, DataFaultsError, InputError
from upres.storage.atomic import whole_file

PAIRS_FILE, HR_FILE = PACKED

# Pictures in work at once.
_AHEAD = 8

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How patches are cut from a picture.

    Attributes:
        scale: hr side ÷ lr side.
        patch: side of an hr patch.
        stride: hr pixels from one patch to the next, in rows from the top left; or
        count: so many patches a picture, in random places.
        limit: stop after so many patches.
        seed: decides places, and whatever is random in the degradation.
    """

    scale: int
    patch: int
    stride: int | None = None
    count: int | None = None
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scale < 1 or self.patch < self.scale or self.patch % self.scale:
            raise ConfigError(
                f"patch = {self.patch}, scale = {self.scale}: patch should be a multiple of scale, which is at least 1"
            )
        if self.stride is not None and self.count is not None:
            raise ConfigError(f"stride = {self.stride}, count = {self.count}: give one of them")
        if self.stride is not None and (self.stride < self.scale or self.stride % self.scale):
            raise ConfigError(f"stride = {self.stride}: should be a multiple of scale = {self.scale}")
        for name, number in (("count", self.count), ("limit", self.limit)):
            if number is not None and number < 1:
                raise ConfigError(f"{name} = {number}: should be at least 1")

    def corners(self, height: int, width: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Return the top left corners of a picture's patches, on multiples of the scale.

        >>> Cut(scale=4, patch=8).corners(17, 24, np.random.default_rng(0))
        [(0, 0), (0, 8), (0, 16), (8, 0), (8, 8), (8, 16)]
        """
        rows, columns = ((side - self.patch) // self.scale + 1 for side in (height, width))
        if self.count is None:
            step = (self.stride or self.patch) // self.scale
            return [
                (row * self.scale, column * self.scale)
                for row in range(0, rows, step)
                for column in range(0, columns, step)
            ]
        places = rng.choice(rows * columns, min(self.count, rows * columns), replace=False)
        return [(int(place // columns) * self.scale, int(place % columns) * self.scale) for place in places]


@dataclass(frozen=True)
class Packed:
    """What was written; `flat` patches, of one colour, were left out: they teach nothing, and have no finite PSNR."""

    pairs: int
    pictures: int
    flat: int
    hr: Path
    both: Path


def pack(
    sources: Sequence[Source],
    degradation: Degradation,
    folder: Path,
    cut: Cut,
    *,
    degraded: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> Packed:
    """Cut patches from every picture and write both files; each appears whole or not at all.

    An hr patch's partner is cut from the source's own low resolution where it has one, and is else the degradation
    of that very patch, so that a pair holds all that is needed to check it. Patches of one picture follow each
    other: pairs that are skipped or taken from the end are of other pictures.

    Args:
        sources: the pictures.
        degradation: makes lr where the source has none.
        folder: where the files go; made if it is not there.
        cut: how patches are cut.
        degraded: the degradation in plain data, to be written into the files.
        progress: called with pictures done and in all.

    Raises:
        ConfigError: the folder cannot be one.
        DataFaultsError: lists what is missing, unreadable, mis-paired or smaller than a patch; nothing was written.
    """
    small = cut.patch // cut.scale
    faults = [
        fault
        for source in sources
        for fault in header_faults(source, scale=cut.scale, patch=small, remedy="lower patch")
    ]
    if faults:
        raise DataFaultsError(faults)
    about = {
        "scale": cut.scale,
        "patch": cut.patch,
        "stride": None if cut.count is not None else cut.stride or cut.patch,
        "count": cut.count,
        "seed": cut.seed,
        "degradation": degraded,
        "sources": [source.describe() for source in sources],
    }
    hr_path, both_path = folder / HR_FILE, folder / PAIRS_FILE
    with _work_folder(folder) as work:
        with (work / "hr").open("wb") as hr_file, (work / "lr").open("wb") as lr_file:
            names, pictures, flat = _cut_all(sources, degradation, cut, hr_file, lr_file, progress)
        if not names:
            raise DataError(f"every patch of {cut.patch}×{cut.patch} is of one colour; give pictures with detail")
        hr = _Stack(work / "hr", (len(names), cut.patch, cut.patch, 3))
        lr = _Stack(work / "lr", (len(names), small, small, 3))
        told = {"names": np.array(names), "about": np.array(json.dumps(about, ensure_ascii=False))}
        with whole_file(hr_path) as alone, whole_file(both_path) as both:
            _write(alone, {"hr": hr}, told)
            _write(both, {"hr": hr, "lr": lr}, told)
    return Packed(len(names), pictures, flat, hr_path, both_path)


def _cut_all(
    sources: Sequence[Source],
    degradation: Degradation,
    cut: Cut,
    hr_file: IO[bytes],
    lr_file: IO[bytes],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[str], int, int]:
    """Write the pixels of all patches; return their names, how many pictures gave some, how many were flat."""
    places = [(source, index) for source in sources for index in range(len(source))]
    names: list[str] = []
    faults: list[str] = []
    pictures = flat = 0

    def patches(number: int) -> tuple[str, list[Pair], int] | InputError:
        source, index = places[number]
        try:
            sample = source.sample(index)
            pairs = list(_pairs(sample, degradation, cut, number))
            telling = [(hr, lr) for hr, lr in pairs if (hr != hr[0, 0]).any()]
            return sample.name, telling, len(pairs) - len(telling)
        except InputError as error:  # the others are looked at all the same, so that all faults are told at once
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(places), _AHEAD):
            if cut.limit is not None and len(names) >= cut.limit:
                break
            for found in pool.map(patches, range(start, min(start + _AHEAD, len(places)))):
                if isinstance(found, InputError):
                    faults.append(str(found))
                    continue
                name, pairs, left_out = found
                kept = pairs if cut.limit is None else pairs[: cut.limit - len(names)]
                pictures += bool(kept)
                flat += left_out
                for hr, lr in kept:
                    hr_file.write(hr.tobytes())
                    lr_file.write(lr.tobytes())
                    names.append(name)
            if progress is not None:
                progress(min(start + _AHEAD, len(places)), len(places))
    if faults:
        raise DataFaultsError(faults)
    return names, pictures, flat


def _pairs(sample: Sample, degradation: Degradation, cut: Cut, number: int) -> Iterator[Pair]:
    if min(sample.hr.shape[:2]) < cut.patch:
        raise DataError(
            f"{sample.name}: {sample.hr.shape[1]}×{sample.hr.shape[0]} is smaller than the patch of {cut.patch}; "
            "remove it or lower patch"
        )
    if sample.lr is not None:
        check_pair(sample.name, sample.hr, sample.lr, scale=cut.scale)
    corners = cut.corners(sample.hr.shape[0], sample.hr.shape[1], np.random.default_rng((cut.seed, number)))
    for place, (top, left) in enumerate(corners):
        hr = np.ascontiguousarray(sample.hr[top : top + cut.patch, left : left + cut.patch])
        if sample.lr is None:
            lr = degradation(hr, scale=cut.scale, rng=np.random.default_rng((cut.seed, number, place)))
        else:
            row, column, side = top // cut.scale, left // cut.scale, cut.patch // cut.scale
            lr = sample.lr[row : row + side, column : column + side]
        yield hr, lr


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside the files; a folder that was made for them goes again when the work fails."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give a folder for the output")
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".pack-", dir=folder) as work:
            yield Path(work)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@dataclass(frozen=True)
class _Stack:
    """Pixels in a file and what array they are."""

    pixels: Path
    shape: tuple[int, ...]


def _write(path: Path, stacks: dict[str, _Stack], told: dict[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, stack in stacks.items():
            with archive.open(_member(name), "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": stack.shape}
                np.lib.format.write_array_header_1_0(file, header)
                with stack.pixels.open("rb") as pixels:
                    shutil.copyfileobj(pixels, file, 1 << 20)
        for name, array in told.items():
            with archive.open(_member(name), "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _member(name: str) -> zipfile.ZipInfo:
    # Without the time of day the same pictures make the same bytes.
    return zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
