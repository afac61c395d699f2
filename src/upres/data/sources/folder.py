"""A folder of pictures of any size, alone or with a folder of their low-resolution partners."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

from upres.config import config
from upres.data.sources.files import Files, partners_in
from upres.data.sources.options import PictureOptions
from upres.data.sources.source import at
from upres.errors import DataError, PictureError
from upres.image import picture_files, read_header


@config
class FolderConfig(PictureOptions):
    """Pictures below a folder, in the order of their paths.

    Attributes:
        path: the folder, relative to the recipe's data folder.
        lr: the folder of their low-resolution partners; left out, the recipe's degradation makes them.
        partner: a partner's name without suffix; `{stem}` is the picture's own, as in `{stem}x4`.
        min_side: leave out pictures with a side of fewer pixels, before any are skipped or taken.
    """

    path: str
    lr: str | None = None
    partner: str = "{stem}"
    min_side: int | None = field(default=None, repr=False)  # no part of a cache's identity, which names the files

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_side is not None and self.min_side < 1:
            raise ValueError(f"min_side = {self.min_side}: should be at least 1 pixel")
        if self.lr is not None and self.changes_size:
            raise ValueError("lr with crop, shrink or resize would tear the pairs apart: leave lr out, it is made then")
        if "{stem}" not in self.partner:
            raise ValueError(f"partner = {self.partner!r}: should hold {{stem}}, as in {{stem}}x4")


class Folder(Files):
    """Every picture below the folder; hidden files are passed over."""

    config_type = FolderConfig

    def __init__(self, config: FolderConfig, *, root: Path) -> None:
        folder = at(root, config.path)
        given = folder if config.lr is None else at(root, config.lr)
        for path, name in ((folder, config.path), (given, config.lr)):
            if not path.is_dir():
                what = "a file, not a folder" if path.exists() else "no such folder"
                raise DataError(f"{path}: {what}; give the folder that holds {name} as data")
        files, left_out = files_in(folder, config)
        partners = None if config.lr is None else partners_in(given, folder, files, config.partner)
        name = folder.absolute().name
        super().__init__(
            root=root, home=folder, files=files, options=config, partners=partners, title=name, left_out=left_out
        )

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """Any folder."""
        return {"path": str(path)} if path.is_dir() else None


def files_in(folder: Path, config: FolderConfig) -> tuple[list[Path], int]:
    """Return the pictures below a folder that are large enough, and how many are not.

    Raises:
        DataError: none is.
    """
    found = picture_files(folder, recursive=True)
    files = [file for file in found if config.min_side is None or _reaches(file, config.min_side)]
    if found and not files:
        raise DataError(
            f"{folder}: {len(found):,} pictures, none with sides of min_side = {config.min_side} pixels or more; "
            "lower min_side, or give larger pictures"
        )
    return files, len(found) - len(files)


def _reaches(path: Path, side: int) -> bool:
    """Whether no side is shorter; of what cannot be read too, which is told among the faults."""
    try:
        header = read_header(path)
    except PictureError:
        return True
    return min(header.height, header.width) >= side
