"""A benchmark set as it is passed on: `HR`, and low resolution that others made in `LRx2`, `LRx3` …

Set5 (Bevilacqua et al., BMVC 2012), Set14 (Zeyde et al., 2010) and B100 (Martin et al., ICCV 2001; Timofte et al.,
ACCV 2014) are passed on like this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from upres.data.sources.files import Files, partners_in
from upres.data.sources.folder import FolderConfig, files_in
from upres.data.sources.source import Convention, at
from upres.errors import DataError

_ORIGINALS = "HR"


class Benchmark(Files):
    """A gray picture among them, such as Set14's `bridge`, is measured as it is."""

    config_type = FolderConfig  # `path` holds HR, `lr` lies beside it
    convention = Convention(gray_kept=True)

    def __init__(self, config: FolderConfig, *, root: Path) -> None:
        folder = at(root, config.path)
        home = folder / _ORIGINALS
        for wanted in (home, home if config.lr is None else folder / config.lr):
            if not wanted.is_dir():
                raise DataError(f"{wanted}: no such folder; give the folder that holds {wanted.name} as data")
        files, left_out = files_in(home, config)
        partners = None if config.lr is None else partners_in(folder / config.lr, home, files, config.partner)
        super().__init__(
            root=root,
            home=home,
            files=files,
            options=config,
            partners=partners,
            title=folder.absolute().name,
            left_out=left_out,
            partners_from=f"lr from {config.lr}",
        )

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """A folder with `HR` in it; partners of that scale are used where they are there."""
        if not (path / _ORIGINALS).is_dir():
            return None
        given = f"LRx{scale}"
        return {"path": str(path), **({"lr": given} if (path / given).is_dir() else {})}
