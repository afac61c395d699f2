"""Arrays in an `.npz` file: `n h w c` of uint8, with or without low-resolution partners."""

from __future__ import annotations

import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.data.source import Sample, Source, at, stamp
from upres.errors import DataError, nearest


@config
class NpzConfig:
    """Arrays of one file.

    Attributes:
        path: the file, relative to the recipe's data folder.
        hr: name of the high-resolution array, `n h w 3` or `n h w`, uint8 (or float in [0, 1]).
        lr: name of its low-resolution partner; left out, the recipe's degradation makes it.
        skip: leave out this many pictures at the beginning.
        take: use at most this many after those.
    """

    path: str
    hr: str = "hr"
    lr: str | None = None
    skip: int = 0
    take: int | None = None


class Npz(Source):
    """Object arrays (pickles) are refused."""

    config_type = NpzConfig

    def __init__(self, config: NpzConfig, *, root: Path) -> None:
        super().__init__(root=root)
        self._config = config
        self._path = at(root, config.path)
        if not self._path.is_file():
            raise DataError(f"{self._path}: no such file; give the folder that holds {config.path} with --data")

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        hr = self._array(self._config.hr)
        lr = None if self._config.lr is None else self._array(self._config.lr)
        if lr is not None and len(lr) != len(hr):
            raise DataError(
                f"{self._path}: {self._config.hr} has {len(hr)} pictures and {self._config.lr} {len(lr)}; "
                "pairs need as many of both"
            )
        return hr, lr

    def _array(self, name: str) -> NDArray[np.uint8]:
        try:
            with np.load(self._path, allow_pickle=False) as file:
                if name not in file:
                    raise DataError(f"{self._path}: no array {name!r}: {nearest(name, file.files)}")
                array = file[name]
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{self._path}: not a readable .npz file ({error})") from error
        if array.ndim == 3:
            array = array[..., None]
        if array.ndim != 4 or array.shape[3] not in (1, 3):
            raise DataError(f"{self._path}: {name} has shape {array.shape}; should be n h w 3, n h w 1 or n h w")
        if np.issubdtype(array.dtype, np.floating):
            if array.size and not (array.min() >= 0 and array.max() <= 1):
                raise DataError(
                    f"{self._path}: {name} is {array.dtype} from {array.min()} to {array.max()}; floats should lie "
                    "in [0, 1]: divide by 255, or save uint8"
                )
            array = np.floor(array * 255 + 0.5).astype(np.uint8)
        if array.dtype != np.uint8:
            raise DataError(f"{self._path}: {name} is {array.dtype}; should be uint8, or float in [0, 1]")
        last = None if self._config.take is None else self._config.skip + self._config.take
        array = array[self._config.skip : last]
        if not len(array):
            raise DataError(f"{self._path}: no pictures left in {name} with skip = {self._config.skip}")
        return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else array

    def __len__(self) -> int:
        return len(self._arrays[0])

    def sample(self, index: int) -> Sample:
        """One picture, named by its place in the array."""
        hr, lr = self._arrays
        return Sample(
            f"{self._config.hr}-{self._config.skip + index:06d}", hr[index], None if lr is None else lr[index]
        )

    def fingerprint(self) -> str:
        """The file and what is taken from it."""
        return f"npz {self._config} {stamp(self._path)}"
