"""The interface of every data source: named pictures, decoded on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One picture: hr `h w 3` uint8, and its lr partner where the source has one of its own."""

    name: str
    hr: NDArray[np.uint8]
    lr: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Outline:
    """What is known of a picture before it is decoded: where it lies, and `(height, width)` of hr and lr."""

    where: str
    hr: tuple[int, int]
    lr: tuple[int, int] | None = None


class Source(ABC):
    """A sequence of pictures that knows what it is made of.

    A leaf is built as `Leaf(config, root=…)`, where `root` is the folder that relative paths start from.
    Building one checks that the data is there (DataError otherwise) and decodes nothing.
    """

    config_type: ClassVar[type[Any]]

    def __init__(self, *, root: Path) -> None:
        self.root = root

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures there are."""

    @abstractmethod
    def outline(self, index: int) -> Outline | None:
        """Return one picture's sizes without decoding it, or `None` where only decoding tells.

        May be called from several threads.

        Raises:
            DataError, PictureError: the picture is missing, has no partner, or cannot be read.
        """

    @abstractmethod
    def sample(self, index: int) -> Sample:
        """Decode one picture. May be called from several threads.

        Raises:
            DataError, PictureError: as `outline`, or the pixels are damaged.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Text that changes when the pictures do; it decides whether a cache may be used again."""

    @abstractmethod
    def describe(self) -> str:
        """Return in a few words what was found, for a person."""


def at(root: Path, path: str) -> Path:
    """Return the path as seen from the recipe's data folder."""
    return root / Path(path).expanduser()


def stamp(path: Path) -> str:
    """Return what tells a changed file: name, size and time of change."""
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"
