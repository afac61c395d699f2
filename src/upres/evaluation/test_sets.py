"""Test sets: hr pictures with their lr partners, recognised by what a path holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.data import Cache, Source, open_source
from upres.data.check import check_pair
from upres.data.evenly_spaced import evenly
from upres.data.sources.cifar10 import Cifar10, Cifar10Config
from upres.data.sources.folder import Folder, FolderConfig
from upres.data.sources.open import locate
from upres.errors import DataError
from upres.image import imresize, picture_files, read


@dataclass(frozen=True)
class TestPicture:
    """One picture to measure on: lr `h w c`, hr `s·h s·w c`, both uint8."""

    name: str
    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]


@dataclass(frozen=True)
class TestSet:
    """Pictures to measure on, and in words where they and their lr partners come from."""

    name: str
    made: str
    pictures: Callable[[], Iterator[TestPicture]]
    count: int
    small: bool


def open_test_set(data: str | Path, scale: int, *, antialias: bool = True, limit: int | None = None) -> TestSet:
    """Recognise what a path holds.

    Args:
        data: a folder of hr pictures; a folder with `HR` and, made by others, `LRx<scale>` (equal names);
            CIFAR-10 (its folder, its archive, or a folder that holds one of them): the test split; DIV2K, CelebA or
            CelebA-HQ: the validation split; or whatever else `upres.data.open_source` takes in one line.
        scale: hr side ÷ lr side.
        antialias: how lr is made where the set has none.
        limit: use only this many pictures, evenly spread.

    Raises:
        DataError: nothing usable is there.
    """
    path = Path(data).expanduser()
    made = f"lr by MATLAB bicubic, antialias {'on' if antialias else 'off'}"
    line = str(data)
    if line.startswith("hf://") or ("?" in line and not path.exists()):
        return _from_line(line, made, scale, antialias, limit)
    if not path.exists():
        raise DataError(
            f"{path}: no such file or folder; give a folder of pictures, a published set, or hf://owner/name"
        )
    if locate(line).name not in ("folder", "cifar10"):
        return _from_line(line, made, scale, antialias, limit)
    if (path / "HR").is_dir():
        given = path / f"LRx{scale}"
        if given.is_dir() and antialias:
            return _paired(path, given, scale, limit)
        return _from_source(path.name, made, Folder(FolderConfig(path="HR"), root=path), scale, antialias, limit)
    if path.is_dir() and picture_files(path, recursive=True):
        return _from_source(path.name, made, Folder(FolderConfig(path="."), root=path), scale, antialias, limit)
    if path.is_dir() and not _holds_cifar(path):
        raise DataError(f"{path}: holds no pictures; give a folder of pictures, a folder with HR in it, or CIFAR-10")
    source = Cifar10(Cifar10Config(split="test"), root=path)
    return _from_source("CIFAR-10 test", made, source, scale, antialias, limit)


def cache_test_set(name: str, made: str, cache: Cache, *, limit: int | None = None) -> TestSet:
    """Return the pairs of a cache, as a recipe's training validates on them.

    Args:
        name: of the pictures, for the table.
        made: how their lr partners came to be, in words.
        cache: the pairs.
        limit: use only this many pictures, evenly spread.
    """
    chosen = evenly(len(cache), limit)

    def pictures() -> Iterator[TestPicture]:
        for index in chosen:
            yield TestPicture(cache.entries[index].name, np.array(cache.lr(index)), np.array(cache.hr(index)))

    return TestSet(name, made, pictures, len(chosen), small=False)


def _from_line(line: str, made: str, scale: int, antialias: bool, limit: int | None) -> TestSet:
    source = open_source(line, scale=scale, split="validation")
    first = source.outline(0)
    if first is not None and first.lr is not None and antialias:
        made = "lr of the set"
    return _from_source(source.describe(), made, source, scale, antialias, limit)


def _from_source(name: str, made: str, source: Source, scale: int, antialias: bool, limit: int | None) -> TestSet:
    chosen = evenly(len(source), limit)

    def pictures() -> Iterator[TestPicture]:
        for index in chosen:
            sample = source.sample(index)
            hr = _cropped(sample.hr, scale, sample.name)
            if sample.lr is None or not antialias:
                yield TestPicture(sample.name, imresize(hr, 1 / scale, antialias=antialias), hr)
                continue
            check_pair(sample.name, sample.hr, sample.lr, scale=scale)
            yield TestPicture(sample.name, sample.lr, hr)

    return TestSet(name, made, pictures, len(chosen), small=isinstance(source, Cifar10))


def _paired(path: Path, given: Path, scale: int, limit: int | None) -> TestSet:
    originals = picture_files(path / "HR")
    missing = [file.name for file in originals if not (given / file.name).is_file()]
    if missing or not originals:
        raise DataError(
            f"{given}: {len(missing)} of {len(originals)} pictures of HR have no partner of the same name "
            f"({', '.join(missing[:5])}); add them, or move the folder away to have lr made"
        )
    chosen = evenly(len(originals), limit)

    def pictures() -> Iterator[TestPicture]:
        for index in chosen:
            name = originals[index].name
            hr = _cropped(_bytes(originals[index]), scale, name)
            lr = _bytes(given / name)
            if (lr.shape[0] * scale, lr.shape[1] * scale) != hr.shape[:2]:
                raise DataError(
                    f"{given / name}: {lr.shape[1]}×{lr.shape[0]}; should be {hr.shape[1] // scale}×"
                    f"{hr.shape[0] // scale} for ×{scale}"
                )
            yield TestPicture(name, lr, hr)

    return TestSet(path.name, f"lr from {given.name}", pictures, len(chosen), small=False)


def _bytes(path: Path) -> NDArray[np.uint8]:
    pixels = read(path).pixels
    if pixels.dtype != np.uint8:
        raise DataError(f"{path}: {pixels.dtype} pixels; the papers' protocols are for 8-bit pictures: convert it")
    return pixels


def _cropped(hr: NDArray[np.uint8], scale: int, name: str) -> NDArray[np.uint8]:
    height, width = (side - side % scale for side in hr.shape[:2])
    if not (height and width):
        raise DataError(f"{name}: {hr.shape[1]}×{hr.shape[0]} pixels; too small for scale {scale}, remove it")
    return np.ascontiguousarray(hr[:height, :width])


def _holds_cifar(path: Path) -> bool:
    return any(path.rglob("test_batch")) or any(path.rglob("cifar-10-python.tar.gz"))
