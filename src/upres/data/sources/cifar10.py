"""CIFAR-10 as it is published: the folder `cifar-10-batches-py`, or the archive it comes in.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.data.sources.options import PictureOptions, prepared, prepared_size, selected
from upres.data.sources.source import Convention, Outline, Sample, Source, at, stamp
from upres.errors import DataError

_WANTED = (
    "give cifar-10-batches-py (or cifar-10-python.tar.gz, or the folder that holds either) "
    "from https://www.cs.toronto.edu/~kriz/cifar.html; upres data get CIFAR-10 downloads it"
)


@config
class Cifar10Config(PictureOptions):
    """One split: `train` (the first 45,000 of the 50,000), `validation` (the last 5,000) or `test` (10,000).

    Attributes:
        path: the folder, the archive, or a folder that holds one of them.
        split: which pictures.
        validation: how many of the training pictures, counted from the end, are the validation split.
    """

    path: str = "."
    split: Literal["train", "validation", "test"] = "train"
    validation: int = 5000


class Cifar10(Source):
    """All pictures of a split are held in memory (3 KB each)."""

    config_type = Cifar10Config
    # Its literature compares RGB, whole: of 32×32 pixels a border would leave little.
    convention = Convention(split="test", space="rgb", border=0)

    def __init__(self, config: Cifar10Config, *, root: Path) -> None:
        super().__init__(root=root, title=f"CIFAR-10 {config.split}{config.words()}")
        self._config = config
        home = cifar10_home(at(root, config.path))
        if home is None:
            raise DataError(f"{at(root, config.path)}: CIFAR-10 is not there; {_WANTED}")
        self._home = home

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """The folder of batches or the archive, or a folder that holds one of them."""
        if cifar10_home(path) is None or (path.is_file() and not path.name.endswith((".tar.gz", ".tgz"))):
            return None
        return {"path": str(path), **({"split": split} if split else {})}

    @cached_property
    def _pictures(self) -> NDArray[np.uint8]:
        names = ["test_batch"] if self._config.split == "test" else [f"data_batch_{i}" for i in range(1, 6)]
        batches = dict(_batches(self._home, set(names)))
        missing = [name for name in names if name not in batches]
        if missing:
            raise DataError(f"{self._home}: {', '.join(missing)} missing; {_WANTED}")
        pictures = np.concatenate([batches[name] for name in names])
        held_out = self._config.validation
        if self._config.split != "test" and not 0 < held_out < len(pictures):
            raise DataError(
                f"{self._home}: validation = {held_out} of {len(pictures)} pictures; should leave some on both sides"
            )
        return {
            "train": pictures[:-held_out],
            "validation": pictures[-held_out:],
            "test": pictures,
        }[self._config.split]

    @cached_property
    def _rows(self) -> list[int]:
        rows = selected(range(len(self._pictures)), self._config)
        if not rows:
            raise DataError(
                f"{self._home}: no pictures left in {self._config.split} with skip = {self._config.skip}, "
                f"take = {self._config.take}"
            )
        return rows

    def __len__(self) -> int:
        return len(self._rows)

    def outline(self, index: int) -> Outline:
        """Every picture is 32×32."""
        return Outline(self._where(index), prepared_size(32, 32, self._config, self._where(index)))

    def sample(self, index: int) -> Sample:
        """One picture, named by its split and place."""
        row = self._rows[index]
        pixels = prepared(self._pictures[row], self._config, self._where(index))
        return Sample(f"{self._config.split}-{row:05d}", pixels)

    def original(self, index: int) -> NDArray[np.uint8]:
        """One picture of 32×32."""
        return np.ascontiguousarray(self._pictures[self._rows[index]])

    def fingerprint(self) -> str:
        """The files and the split."""
        files = [self._home] if self._home.is_file() else sorted(self._home.glob("*_batch*"))
        return "\n".join([f"cifar10 {self._config.identity}", *map(stamp, files)])

    def describe(self) -> str:
        """The split and where it lies."""
        return f"{self._home}: CIFAR-10 {self._config.split}, {len(self):,} pictures{self._config.words()}"

    def _where(self, index: int) -> str:
        return f"{self._home} {self._config.split}[{self._rows[index]}]"


def cifar10_home(path: Path) -> Path | None:
    """Return the folder of batches or the archive at or below a path, or `None`."""
    for candidate in (
        path,
        path / "cifar-10-batches-py",
        path / "cifar-10-python.tar.gz",
        path / "cifar10" / "cifar-10-batches-py",
        path / "cifar10" / "cifar-10-python.tar.gz",
    ):
        if candidate.is_file() or (candidate / "test_batch").is_file():
            return candidate
    return None


def _batches(home: Path, names: set[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    if home.is_dir():
        for name in sorted(names):
            if (home / name).is_file():
                yield name, _decode((home / name).read_bytes(), f"{home / name}")
        return
    try:
        with tarfile.open(home) as archive:
            for member in archive:
                name = Path(member.name).name
                content = archive.extractfile(member) if name in names else None
                if content is not None:
                    yield name, _decode(content.read(), f"{home}: {name}")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{home}: not a readable archive ({error}); {_WANTED}") from error


class _OnlyArrays(pickle.Unpickler):
    """The published batches are pickles; this opens them and nothing that could run code."""

    _ALLOWED: ClassVar[set[tuple[str, str]]] = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch does")
        if module.startswith("numpy.core"):
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def _decode(content: bytes, where: str) -> NDArray[np.uint8]:
    try:
        batch = _OnlyArrays(BytesIO(content), encoding="bytes").load()
        data = np.asarray(batch[b"data"])
        if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
            raise ValueError(f"data is {data.dtype} {data.shape}, not uint8 (n, 3072)")
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(f"{where}: not a CIFAR-10 batch ({error}); {_WANTED}") from error
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
