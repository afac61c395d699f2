"""Arrays in an `.npz` file: `n h w c` of uint8, with or without low-resolution partners."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.data.sources.options import PictureOptions, prepared, prepared_size, selected
from upres.data.sources.source import Outline, Sample, Source, at, stamp
from upres.errors import DataError, first_line, nearest

# Pictures looked at together where a whole array has to be.
_CHUNK = 256

PACKED = ("hr_lr_images.npz", "hr_images.npz")
"""What `upres pack` calls its files: the pairs, and the originals alone."""


@config
class NpzConfig(PictureOptions):
    """Arrays of one file.

    Attributes:
        path: the file, relative to the recipe's data folder.
        hr: name of the high-resolution array, `n h w 3`, `n 3 h w` or `n h w`, uint8 (or float in [0, 1]);
            left out, it is found by its shape.
        lr: name of its low-resolution partner; left out, it is found by its shape, and where there is none
            the recipe's degradation makes it. `lr: made` leaves one that is there alone.
    """

    path: str
    hr: str | None = None
    lr: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr not in (None, "made") and self.changes_size:
            raise ValueError(
                "lr with crop, shrink or resize would tear the pairs apart: give lr: made, to have the recipe make it"
            )


class Npz(Source):
    """Object arrays (pickles) are refused. What is stored uncompressed stays on the disk until it is used."""

    config_type = NpzConfig

    def __init__(self, config: NpzConfig, *, root: Path) -> None:
        super().__init__(root=root)
        self._config = config
        self._path = at(root, config.path)
        if not self._path.is_file():
            raise DataError(f"{self._path}: no such file; give the folder that holds {config.path} as data")

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """By its suffix; of a folder that `upres pack` wrote into, the file of pairs."""
        if path.is_dir():
            packed = (path / name for name in PACKED)
            return next(({"path": str(file)} for file in packed if file.is_file()), None)
        return {"path": str(path)} if path.is_file() and path.suffix == ".npz" else None

    @cached_property
    def _names(self) -> tuple[str, str | None]:
        found = arrays_of(self._path)
        made = self._config.lr == "made" or self._config.changes_size
        for name in (self._config.hr, None if self._config.lr == "made" else self._config.lr):
            if name is not None and name not in found:
                raise DataError(f"{self._path}: no array {name!r}: {nearest(name, found)}")
        if self._config.hr is not None:
            return self._config.hr, None if made else self._config.lr
        hr, lr = recognised(found, self._path)
        return hr, None if made else (self._config.lr or lr)

    @cached_property
    def _arrays(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        hr_name, lr_name = self._names
        hr = self._array(hr_name)
        lr = None if lr_name is None else self._array(lr_name)
        if lr is not None and len(lr) != len(hr):
            raise DataError(
                f"{self._path}: {hr_name} has {len(hr)} pictures and {lr_name} {len(lr)}; pairs need as many of both"
            )
        return hr, lr

    @cached_property
    def _rows(self) -> list[int]:
        rows = selected(range(len(self._arrays[0])), self._config)
        if not rows:
            raise DataError(
                f"{self._path}: no pictures left in {self._names[0]} with skip = {self._config.skip}, "
                f"take = {self._config.take}"
            )
        return rows

    def _array(self, name: str) -> NDArray[Any]:
        array = _opened(self._path, name)
        if array.ndim == 3:
            array = array[..., None]
        if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
            array = array.transpose(0, 2, 3, 1)
        if array.ndim != 4 or array.shape[3] not in (1, 3):
            raise DataError(
                f"{self._path}: {name} has shape {array.shape}; should be n h w 3, n h w 1, n h w or n 3 h w"
            )
        if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
            raise DataError(_not_pixels(self._path, name, array.dtype))
        if array.dtype != np.uint8:
            parts = [array[start : start + _CHUNK] for start in range(0, len(array), _CHUNK)]
            low = min((float(part.min()) for part in parts if part.size), default=0.0)
            high = max((float(part.max()) for part in parts if part.size), default=0.0)
            if not (low >= 0 and high <= 1):
                signed = -1 <= low < 0 and high <= 1
                remedy = "they look like [-1, 1]: save (array + 1) / 2" if signed else "divide by 255, or save uint8"
                raise DataError(
                    f"{self._path}: {name} is {array.dtype} from {low:g} to {high:g}; floats should lie in "
                    f"[0, 1]: {remedy}"
                )
        return array

    def __len__(self) -> int:
        return len(self._rows)

    def outline(self, index: int) -> Outline:
        """The arrays' shapes."""
        hr, lr = self._arrays
        where = self._where(index)
        size = prepared_size(hr.shape[1], hr.shape[2], self._config, where)
        return Outline(where, size, None if lr is None else (lr.shape[1], lr.shape[2]))

    def sample(self, index: int) -> Sample:
        """One picture, named by its place in the array."""
        (hr, lr), row = self._arrays, self._rows[index]
        pixels = prepared(_bytes(hr[row]), self._config, self._where(index))
        return Sample(f"{self._names[0]}-{row:06d}", pixels, None if lr is None else _bytes(lr[row]))

    def original(self, index: int) -> NDArray[np.uint8]:
        """One picture of the array."""
        return _bytes(self._arrays[0][self._rows[index]])

    def fingerprint(self) -> str:
        """The file and what is taken from it."""
        return f"npz {self._config.identity} {stamp(self._path)}"

    def describe(self) -> str:
        """The file and the arrays that were found in it."""
        hr_name, lr_name = self._names
        hr, lr = self._arrays
        found = f"hr is {hr_name} ({hr.shape[2]}×{hr.shape[1]})"
        if lr is not None:
            found += f", lr is {lr_name} ({lr.shape[2]}×{lr.shape[1]})"
        return f"{self._path}: {len(self):,} pictures, {found}{self._config.words()}"

    def _where(self, index: int) -> str:
        return f"{self._path}: {self._names[0]}[{self._rows[index]}]"


def recognised(found: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], path: Path) -> tuple[str, str | None]:
    """Return the names of the hr and lr arrays among those of a file, by their shapes.

    Others call them `hr_images`, `y_train`, `arr_0` …: of two stacks of as many pictures the larger is hr.

    Raises:
        DataError: names the arrays, so that a person can say which they are.
    """
    objects = [name for name, (_, kind) in found.items() if kind.hasobject]
    if objects:
        raise DataError(
            f"{path}: not a readable .npz file: {objects[0]} holds Python objects, which are pickles and could run "
            "code; save arrays of numbers"
        )
    stacks = {name: shape for name, (shape, kind) in found.items() if _is_stack(shape, kind)}
    whole = [
        name for name, (shape, kind) in found.items() if kind.kind in "iu" and _is_stack(shape, np.dtype(np.uint8))
    ]
    if whole and not stacks:
        raise DataError(_not_pixels(path, whole[0], found[whole[0]][1]))
    if len(stacks) == 1:
        return next(iter(stacks)), None
    if len(stacks) == 2:
        (lr, small), (hr, large) = sorted(stacks.items(), key=lambda item: sum(_sides(item[1])))
        (low, left), (high, right) = _sides(small), _sides(large)
        if small[0] == large[0] and high // low == right // left > 1 and high % low == right % left == 0:
            return hr, lr
    if "hr" in stacks:
        return "hr", "lr" if "lr" in stacks else None
    listed = ", ".join(f"{name} {kind} {'×'.join(map(str, shape))}" for name, (shape, kind) in found.items())
    raise DataError(
        f"{path}: cannot tell which arrays are hr and lr; give hr: NAME and lr: NAME of {listed or 'none at all'}"
    )


_UINT8 = np.dtype(np.uint8)


def _not_pixels(path: Path, name: str, kind: np.dtype[Any]) -> str:
    return (
        f"{path}: {name} is {kind}; should be uint8, or float in [0, 1]: where it holds 0 to 255, save "
        f"{name}.astype(np.uint8)"
    )


def _is_stack(shape: tuple[int, ...], kind: np.dtype[Any]) -> bool:
    pictures = kind == np.uint8 or np.issubdtype(kind, np.floating)
    return pictures and (len(shape) == 3 or (len(shape) == 4 and (shape[3] in (1, 3) or shape[1] in (1, 3))))


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 4 and shape[3] not in (1, 3):
        return shape[2], shape[3]
    return shape[1], shape[2]


def arrays_of(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return the shape and dtype of every array in a file; nothing else is read.

    Raises:
        DataError: not an `.npz` file.
    """
    found = {}
    with _reading(path), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                with archive.open(info) as file:
                    shape, _, kind = _npy_header(file)
                found[info.filename.removesuffix(".npy")] = (shape, kind)
    return found


def _opened(path: Path, name: str) -> NDArray[Any]:
    """Return an array: where it lies uncompressed in the file mapped into memory, else read whole."""
    with _reading(path), zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            shape, fortran, kind = _npy_header(file)
            header = file.tell()
        if kind.hasobject:
            raise ValueError("it holds Python objects, which are pickles and could run code")
        if info.compress_type != zipfile.ZIP_STORED or not np.prod(shape):
            with np.load(path, allow_pickle=False) as arrays:
                array: NDArray[Any] = arrays[name]
            return array
        with path.open("rb") as file:
            # The local header repeats the name and has an extra field of its own length (APPNOTE 4.3.7).
            file.seek(info.header_offset + 26)
            lengths = np.frombuffer(file.read(4), "<u2")
        offset = info.header_offset + 30 + int(lengths.sum()) + header
        return np.memmap(path, kind, "r", offset, shape, "F" if fortran else "C")


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(file)
    return header


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable .npz file ({first_line(error)}); save it anew") from error


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        pixels = np.floor(np.asarray(pixels, np.float64) * 255 + 0.5).astype(np.uint8)
    return np.array(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels, order="C")
