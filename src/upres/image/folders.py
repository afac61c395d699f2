"""The pictures in a folder."""

from __future__ import annotations

from pathlib import Path

from upres.errors import PictureError
from upres.image.codecs.table import SUFFIXES


def picture_files(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return what a folder holds under a picture's suffix, sorted by name; folders and what is hidden are passed over.

    Links that lead nowhere, pipes and sockets are among it: whoever reads them says what they are.

    Raises:
        PictureError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise PictureError(f"{what}; give a folder of pictures", where=folder)
    found = root.rglob("*") if recursive else root.glob("*")
    wanted = (path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in wanted if not path.is_dir())
