"""The interface of every data source: named pictures, decoded on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One picture: hr `h w 3` uint8, and its lr partner where the source has one of its own.

    `gray` says that the file, or both files, hold one channel: the three here are equal.
    """

    name: str
    hr: NDArray[np.uint8]
    lr: NDArray[np.uint8] | None = None
    gray: bool = False


@dataclass(frozen=True)
class Outline:
    """What is known of a picture before it is decoded: where it lies, and `(height, width)` of hr and lr."""

    where: str
    hr: tuple[int, int]
    lr: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How those who publish scores on a set measure; what an evaluation does unless it is told otherwise.

    Attributes:
        split: the split that is measured on, where the set has several.
        space: where pictures are compared: `luma`, `rgb` or `gray`, as in `metrics.Protocol`.
        border: pixels left out on each side; `None`: as many as the scale.
        gray_kept: whether a picture of one channel stays one, as in the papers' scripts, or becomes three equal ones.
    """

    split: str | None = None
    space: Literal["luma", "rgb", "gray"] = "luma"
    border: int | None = None
    gray_kept: bool = False


class Source(ABC):
    """A sequence of pictures that knows what it is made of.

    A leaf is built as `Leaf(config, root=…)`, where `root` is the folder that relative paths start from.
    Building one checks that the data is there (DataError otherwise) and decodes nothing.

    Args:
        root: that folder.
        title: a short name for the head of a table; by default what `describe` says.
        partners: where low-resolution pictures come from, in words, where the source has them.
    """

    config_type: ClassVar[type[Any]]
    convention: ClassVar[Convention] = Convention()

    def __init__(self, *, root: Path, title: str = "", partners: str = "lr of the set") -> None:
        self.root = root
        self.title = title
        self.partners = partners

    @classmethod
    @abstractmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """Return the options with which this source opens what lies at a path; `None` where it is something else.

        Args:
            path: a file or folder that exists.
            scale: hr side ÷ lr side, to find published partners; `None` looks for none.
            split: the one that is wanted; `None` takes the source's own first.
        """

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

    def original(self, index: int) -> NDArray[np.uint8]:
        """Decode one picture as it lies there, before it is cropped, shrunk or resized: `h w 3` uint8.

        Raises:
            DataError, PictureError: as `sample`.
        """
        return self.sample(index).hr

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
