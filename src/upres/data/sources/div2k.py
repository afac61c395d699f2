"""DIV2K by its published layout.

Agustsson and Timofte, "NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study", CVPRW 2017.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from upres.config import config
from upres.data.sources.files import Files, partners_in
from upres.data.sources.options import PictureOptions
from upres.data.sources.source import Convention, at
from upres.errors import DataError
from upres.image import picture_files

_FOLDERS = {"train": "DIV2K_train", "validation": "DIV2K_valid"}


@config
class Div2kConfig(PictureOptions):
    """One split: `train` (0001 to 0800) or `validation` (0801 to 0900).

    Attributes:
        path: the folder that holds `DIV2K_train_HR` and the others, or the folder above it.
        split: which pictures.
        lr: the published partners to train on, as `bicubic/X4` or `unknown/X2`; left out, the recipe's
            degradation makes them.
    """

    path: str = "."
    split: Literal["train", "validation"] = "train"
    lr: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr is None:
            return
        if not re.fullmatch(r"(bicubic|unknown)/X[234]", self.lr):
            raise ValueError(f"lr = {self.lr!r}: should be bicubic or unknown and X2, X3 or X4, as in bicubic/X4")
        if self.changes_size:
            raise ValueError("lr with crop, shrink or resize would tear the pairs apart: leave lr out, it is made then")


class Div2k(Files):
    """800 and 100 pictures of about two megapixels."""

    config_type = Div2kConfig
    convention = Convention(split="validation")

    def __init__(self, config: Div2kConfig, *, root: Path) -> None:
        home = div2k_home(at(root, config.path))
        prefix = _FOLDERS[config.split]
        originals = home / f"{prefix}_HR"
        wanted = [originals.name] + ([f"{prefix}_LR_{config.lr}"] if config.lr else [])
        missing = [name for name in wanted if not _holds_pictures(home / name)]
        if missing:
            first = "0001" if config.split == "train" else "0801"
            shown = [f"{name}/{first}{_tail(config.lr) if '_LR_' in name else ''}.png" for name in wanted]
            raise DataError(
                f"{home}: DIV2K is not there whole: no {' and no '.join(missing)}; get {_zips(missing)} from "
                f"https://data.vision.ee.ethz.ch/cvl/DIV2K/ and unpack them, so that there is {' and '.join(shown)}; "
                "upres data get DIV2K does so"
            )
        files = picture_files(originals, recursive=True)
        partners = None
        if config.lr is not None:
            partners = partners_in(home / wanted[1], originals, files, "{stem}" + _tail(config.lr))
        super().__init__(root=root, home=originals, files=files, options=config, partners=partners)

    @classmethod
    def recognise(cls, path: Path, *, scale: int | None, split: str | None) -> dict[str, Any] | None:
        """One of its folders of originals, at the path or in `DIV2K` there; bicubic partners of that scale are used."""
        home = div2k_home(path)
        if not _holds_div2k(home):
            return None
        chosen = split or ("train" if (home / f"{_FOLDERS['train']}_HR").is_dir() else "validation")
        prefix = _FOLDERS["validation" if chosen == "validation" else "train"]
        published = (home / f"{prefix}_LR_bicubic" / f"X{scale}").is_dir()
        return {"path": str(home), "split": chosen, **({"lr": f"bicubic/X{scale}"} if published else {})}


def div2k_home(path: Path) -> Path:
    """Return the folder that holds DIV2K's own: the path, or `DIV2K` in it."""
    for candidate in (path, path / "DIV2K", path / "div2k"):
        if _holds_div2k(candidate):
            return candidate
    return path


def _holds_div2k(path: Path) -> bool:
    """Return whether one of DIV2K's folders of originals is there."""
    return any((path / f"{prefix}_HR").is_dir() for prefix in _FOLDERS.values())


def _holds_pictures(folder: Path) -> bool:
    return folder.is_dir() and bool(picture_files(folder, recursive=True))


def _tail(lr: str | None) -> str:
    return lr[-2:].lower() if lr else ""


def _zips(folders: list[str]) -> str:
    return " and ".join(f"{name.replace('/', '_')}.zip" for name in folders)
