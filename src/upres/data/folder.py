"""A folder of pictures of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from upres.config import config
from upres.data.source import Sample, Source, at, stamp
from upres.errors import DataError
from upres.image import imresize, picture_files, read, to_unit


@config
class FolderConfig:
    """Pictures below a folder, in the order of their paths.

    Attributes:
        path: the folder, relative to the recipe's data folder.
        skip: leave out this many pictures at the beginning (to hold them out, or because they are).
        take: use at most this many after those.
        shrink: reduce each picture by this factor first (antialiased bicubic): takes away the noise of
            JPEG files and of camera sensors.
    """

    path: str
    skip: int = 0
    take: int | None = None
    shrink: int = 1

    def __post_init__(self) -> None:
        if self.skip < 0 or self.shrink < 1 or (self.take is not None and self.take < 1):
            raise ValueError(f"skip = {self.skip}, take = {self.take}, shrink = {self.shrink}: should be ≥ 0, ≥ 1, ≥ 1")


class Folder(Source):
    """Decodes with libvips; gray pictures become three equal channels, deeper ones 8 bits, alpha is dropped."""

    config_type = FolderConfig

    def __init__(self, config: FolderConfig, *, root: Path) -> None:
        super().__init__(root=root)
        folder = at(root, config.path)
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; give the folder that holds {config.path} with --data")
        found = picture_files(folder, recursive=True)
        last = None if config.take is None else config.skip + config.take
        self._files = found[config.skip : last]
        self._shrink = config.shrink
        if not self._files:
            raise DataError(
                f"{folder}: {len(found)} pictures, none left with skip = {config.skip}; "
                "check the folder and the recipe's skip and take"
            )

    def __len__(self) -> int:
        return len(self._files)

    def sample(self, index: int) -> Sample:
        """Decode, drop alpha, make it three channels of 8 bits."""
        path = self._files[index]
        pixels = read(path).pixels
        if pixels.dtype != np.uint8:
            pixels = np.floor(to_unit(pixels) * 255 + 0.5).astype(np.uint8)
        if pixels.shape[2] == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        if self._shrink > 1:
            pixels = imresize(pixels, 1 / self._shrink)
        return Sample(path.name, np.ascontiguousarray(pixels))

    def fingerprint(self) -> str:
        """Names, sizes and times of the files, and what is done to them."""
        return "\n".join([f"folder shrink {self._shrink}", *(stamp(path) for path in self._files)])
