"""Pictures that are files, alone or with low-resolution partners: what a folder and the published layouts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.data.sources.options import PictureOptions, prepared, prepared_size, selected
from upres.data.sources.source import Outline, Sample, Source, stamp
from upres.errors import DataError
from upres.image import Picture, picture_files, read, read_header, to_unit


class Files(Source):
    """Decodes with libvips; gray pictures become three equal channels, deeper ones 8 bits, alpha is dropped.

    A leaf finds the files and hands them over.

    Args:
        root: as for every source.
        home: the folder that names are relative to.
        files: all pictures, in order.
        options: which of them are used, and how.
        left_out: how many more there are that are too small, for `describe`.
        partners: the file that should hold the lr partner of each picture, if the source has partners.
        title, partners_from: as `title` and `partners` of every source; the title is followed by the options.
    """

    def __init__(
        self,
        *,
        root: Path,
        home: Path,
        files: Sequence[Path],
        options: PictureOptions,
        partners: Mapping[Path, Path] | None = None,
        title: str = "",
        left_out: int = 0,
        partners_from: str = "lr of the set",
    ) -> None:
        super().__init__(root=root, title=f"{title}{options.words()}" if title else "", partners=partners_from)
        self._home, self._options, self._partners, self._left_out = home, options, partners, left_out
        self._files = selected(files, options)
        if not files:
            raise DataError(
                f"{home}: 0 pictures; check that this is the folder, and that their suffixes are usual ones"
            )
        if not self._files:
            raise DataError(
                f"{home}: {len(files)} pictures, none left with skip = {options.skip}, take = {options.take}; "
                "check the folder and the recipe's skip and take"
            )

    def __len__(self) -> int:
        return len(self._files)

    def outline(self, index: int) -> Outline:
        """Read the headers."""
        path = self._files[index]
        partner = self._partner(path)
        header = read_header(path)
        size = prepared_size(header.height, header.width, self._options, str(path))
        if partner is None:
            return Outline(str(path), size)
        small = read_header(partner)
        return Outline(str(path), size, (small.height, small.width))

    def sample(self, index: int) -> Sample:
        """Decode, drop alpha, make it three channels of 8 bits, and prepare it."""
        path = self._files[index]
        partner = self._partner(path)
        large, small = read(path), None if partner is None else read(partner)
        return Sample(
            path.relative_to(self._home).as_posix(),
            prepared(rgb_bytes(large), self._options, str(path)),
            None if small is None else rgb_bytes(small),
            gray=large.gray and (small is None or small.gray),
        )

    def original(self, index: int) -> NDArray[np.uint8]:
        """Decode, drop alpha, and make it three channels of 8 bits."""
        return rgb_bytes(read(self._files[index]))

    def fingerprint(self) -> str:
        """Names, sizes and times of the files, and what is done to them."""
        partners = [] if self._partners is None else [self._partners[path] for path in self._files]
        existing = (path for path in [*self._files, *partners] if path.is_file())
        return "\n".join([f"files {self._options.identity}", *map(stamp, existing)])

    def describe(self) -> str:
        """Where the files lie, how many, and what is done to them."""
        paired = ", with low-resolution partners" if self._partners is not None else ""
        fewer = f", {self._left_out:,} smaller ones left out" if self._left_out else ""
        return f"{self._home}: {len(self):,} pictures{paired}{fewer}{self._options.words()}"

    def _partner(self, path: Path) -> Path | None:
        if self._partners is None:
            return None
        partner = self._partners[path]
        if not partner.is_file():
            raise DataError(f"{path}: its low-resolution partner {partner} is missing; add it, or remove the picture")
        return partner


def rgb_bytes(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as `h w 3` of 8 bits, alpha dropped."""
    pixels = picture.pixels
    if pixels.dtype != np.uint8:
        pixels = np.floor(to_unit(pixels) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)


def partners_in(folder: Path, home: Path, files: Sequence[Path], pattern: str) -> dict[Path, Path]:
    """Return where the lr partner of each file should lie: a picture of that name, whatever its suffix.

    Args:
        folder: holds the partners, in the same subfolders as the originals or in none.
        home: the folder of the originals.
        files: the originals.
        pattern: the partner's name without suffix; `{stem}` is the original's.
    """
    found = picture_files(folder, recursive=True)
    by_place = {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}
    by_name: dict[str, Path | None] = {}
    for path in found:
        by_name[path.stem] = None if path.stem in by_name else path
    partners = {}
    for file in files:
        name = pattern.replace("{stem}", file.stem)
        place = file.relative_to(home).with_name(name)
        partners[file] = by_place.get(place.as_posix()) or by_name.get(name) or folder / f"{place}{file.suffix}"
    return partners
