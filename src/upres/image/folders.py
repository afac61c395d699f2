"""The pictures in a folder."""

from __future__ import annotations

from pathlib import Path

from upres.errors import PictureError
from upres.image.codecs.table import SUFFIXES


def picture_files(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return the files in a folder whose suffix says picture, sorted by name; hidden ones are passed over.

    Raises:
        PictureError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise PictureError(f"{what}; give a folder of pictures", where=folder)
    found = root.rglob("*") if recursive else root.glob("*")
    wanted = (path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in wanted if path.is_file())
