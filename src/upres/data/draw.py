"""Drawn pictures in the layouts of published sets: what a course runs on before the real ones are there."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.data.leaves import leaves
from upres.data.sources.published import PUBLISHED
from upres.errors import DataError
from upres.image import Picture, imresize, write
from upres.storage.atomic import write_whole

NOTE = "drawn-by-upres.txt"
"""The file that tells a drawn set from the published one."""

_CIFAR = {**{f"data_batch_{number}": 3_000 for number in range(1, 6)}, "test_batch": 10_000}
_CANVAS = 512
# Numbers of the published partitions, first and count: training, validation, test.
_FACES = ((1, 400), (162_771, 40), (182_638, 40))
_DIV2K = {"train": (1, 40), "valid": (801, 8)}
_DIV2K_SIZE = (452, 680)  # a ninth of its pixels

Progress = Callable[[int, int], None]


def draw(name: str, folder: Path, *, progress: Progress = lambda done, total: None) -> Path:
    """Draw a set: other pictures at each of its places, the same whenever it is drawn.

    Args:
        name: one of `DRAWN`.
        folder: the folder of data; the set gets its own in it, named as `get` names it.
        progress: called with the pictures that are drawn and those that there will be.

    Returns:
        What commands are given as data.

    Raises:
        DataError: its folder is there already.
    """
    target = folder / PUBLISHED[name].path
    if target.exists():
        raise DataError("is there already; remove it, or give another folder", where=target)
    unfinished = target.with_name(f"{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    DRAWN[name](unfinished, progress)
    words = f"Drawn by chance in the layout of {name}, for practice: discs, not the published pictures.\n"
    write_whole(unfinished / NOTE, words)
    unfinished.rename(target)
    return target


def _cifar(folder: Path, progress: Progress) -> None:
    pictures = _small()
    done, total = 0, sum(_CIFAR.values())
    (folder / "cifar-10-batches-py").mkdir()
    for name, count in _CIFAR.items():
        rows = np.empty((count, 3072), dtype=np.uint8)
        for row in rows:
            row[:] = next(pictures).transpose(2, 0, 1).ravel()
            done += 1
            progress(done, total)
        batch = {b"batch_label": b"drawn by upres", b"labels": [0] * count, b"data": rows}
        write_whole(folder / "cifar-10-batches-py" / name, pickle.dumps(batch, protocol=2))


def _small() -> Iterator[NDArray[np.uint8]]:
    """Yield pictures of 32×32, neighbours of larger ones."""
    seed = 0
    while True:
        canvas = leaves(_CANVAS, _CANVAS, seed=seed)
        for top in range(0, _CANVAS, 32):
            for left in range(0, _CANVAS, 32):
                yield canvas[top : top + 32, left : left + 32]
        seed += 1


def _celeba(folder: Path, progress: Progress) -> None:
    numbers = [first + number for first, count in _FACES for number in range(count)]
    for done, number in enumerate(numbers, 1):
        place = folder / "img_align_celeba" / f"{number:06}.jpg"
        place.parent.mkdir(exist_ok=True)
        write(Picture(leaves(218, 178, seed=number)), place)
        progress(done, len(numbers))


def _div2k(folder: Path, progress: Progress) -> None:
    places = [(part, first + number) for part, (first, count) in _DIV2K.items() for number in range(count)]
    for done, (part, number) in enumerate(places, 1):
        hr = leaves(*_DIV2K_SIZE, seed=number)
        large = folder / f"DIV2K_{part}_HR" / f"{number:04}.png"
        small = folder / f"DIV2K_{part}_LR_bicubic" / "X4" / f"{number:04}x4.png"
        for place, pixels in ((large, hr), (small, imresize(hr, 1 / 4))):
            place.parent.mkdir(parents=True, exist_ok=True)
            write(Picture(pixels), place)
        progress(done, len(places))


DRAWN: dict[str, Callable[[Path, Progress], None]] = {"CIFAR-10": _cifar, "CelebA": _celeba, "DIV2K": _div2k}
"""The sets that can be drawn, by the names that `PUBLISHED` gives them."""
