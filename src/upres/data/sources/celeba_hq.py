"""CelebA-HQ as a folder of pictures, by the names under which it is passed on.

Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs", ICLR 2018.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from upres.config import config
from upres.data.sources.files import Files
from upres.data.sources.options import PictureOptions
from upres.data.sources.source import Convention, at
from upres.errors import DataError
from upres.image import picture_files

NAMES = ("celeba_hq_256", "celeba-hq-256", "data256x256", "CelebA-HQ-img", "CelebAMask-HQ/CelebA-HQ-img")
"""Folders under which it is passed on."""


@config
class CelebaHqConfig(PictureOptions):
    """One split: `train` (the first 28,000 of the 30,000), `validation` (the last 2,000) or `all`.

    Attributes:
        path: the folder with 00000.jpg …, or the folder above it.
        split: which pictures.
        validation: how many pictures, counted from the end, are the validation split.
    """

    path: str = "."
    split: Literal["train", "validation", "all"] = "train"
    validation: int = 2000


class CelebaHq(Files):
    """Faces of 256×256 (or 1024×1024, then give `resize: 256`)."""

    config_type = CelebaHqConfig
    convention = Convention(split="validation")

    def __init__(self, config: CelebaHqConfig, *, root: Path) -> None:
        home = celeba_hq_home(at(root, config.path))
        if home is None:
            raise DataError(
                f"{at(root, config.path)}: CelebA-HQ is not there; give a folder with 00000.jpg to 29999.jpg (as "
                "celeba_hq_256, or CelebA-HQ-img from https://github.com/switchablenorms/CelebAMask-HQ), "
                "or use the hub's copy: {name: hf, dataset: eurecom-ds/celeba-hq-256}"
            )
        numbered = (path for path in picture_files(home, recursive=True) if path.stem.isdigit())
        files = sorted(numbered, key=lambda path: int(path.stem))
        held_out = config.validation
        if config.split != "all" and not 0 < held_out < len(files):
            raise DataError(
                f"{home}: validation = {held_out} of {len(files)} pictures; should leave some on both sides"
            )
        chosen = {"train": files[:-held_out], "validation": files[-held_out:], "all": files}[config.split]
        super().__init__(root=root, home=home, files=chosen, options=config)

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """A folder whose name says so: one that merely holds 0.png is taken for what it is."""
        home = celeba_hq_home(path)
        if home is None or (home == path and path.name not in NAMES):
            return None
        return {"path": str(path), "split": split or "all"}


def celeba_hq_home(path: Path) -> Path | None:
    """Return the folder of CelebA-HQ's pictures at or below a path, or `None`."""
    for candidate in (*(path / name for name in NAMES), path):
        if any((candidate / f"{first}{suffix}").is_file() for first in ("00000", "0") for suffix in (".jpg", ".png")):
            return candidate
    return None
