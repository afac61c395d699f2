"""CelebA, aligned and cropped, by its published layout.

Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015.
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

# The published list_eval_partition.txt cuts by number alone; this spares the file.
_NUMBERS = {
    "train": range(1, 162_771),
    "validation": range(162_771, 182_638),
    "test": range(182_638, 202_600),
    "all": range(1, 202_600),
}


@config
class CelebaConfig(PictureOptions):
    """One split of the published partition: `train` (162,770), `validation` (19,867), `test` (19,962) or `all`.

    Attributes:
        path: the folder `img_align_celeba`, or a folder above it.
        split: which pictures.
    """

    path: str = "."
    split: Literal["train", "validation", "test", "all"] = "train"


class Celeba(Files):
    """Faces of 178×218; `resize: 128` makes the squares that most projects train on."""

    config_type = CelebaConfig
    convention = Convention(split="validation")

    def __init__(self, config: CelebaConfig, *, root: Path) -> None:
        home = celeba_home(at(root, config.path))
        if home is None:
            raise DataError(
                f"{at(root, config.path)}: CelebA is not there; get img_align_celeba.zip from "
                "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and unpack it, so that there is "
                "img_align_celeba/000001.jpg (non-commercial research only); faces of your own are source folder"
            )
        numbers = _NUMBERS[config.split]
        files = [
            path for path in picture_files(home, recursive=True) if path.stem.isdigit() and int(path.stem) in numbers
        ]
        if not files:
            raise DataError(
                f"{home}: no picture of the {config.split} split, {numbers[0]:06d}.jpg to {numbers[-1]:06d}.jpg; "
                "unpack img_align_celeba.zip whole, or give another split"
            )
        super().__init__(root=root, home=home, files=files, options=config)

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """`img_align_celeba`, or a folder that holds it."""
        return None if celeba_home(path) is None else {"path": str(path), **({"split": split} if split else {})}


def celeba_home(path: Path) -> Path | None:
    """Return the folder of CelebA's pictures at or below a path, or `None`."""
    for above in (path, path / "celeba", path / "CelebA"):
        if (above / "img_align_celeba").is_dir():
            return above / "img_align_celeba"
    return path if path.name == "img_align_celeba" and path.is_dir() else None
