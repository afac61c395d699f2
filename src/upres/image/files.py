"""Files ⇄ pictures through libvips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from upres.errors import PictureError
from upres.image.picture import Picture

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Header:
    """What a file says about itself before its pixels are decoded."""

    width: int
    height: int


def read_header(path: str | Path) -> Header:
    """Return the size of a picture file."""
    import pyvips

    image = pyvips.Image.new_from_file(str(path))
    return Header(image.width, image.height)


def read(path: str | Path, *, max_pixels: int = 500_000_000) -> Picture:
    """Decode a picture file."""
    import pyvips

    image = pyvips.Image.new_from_file(str(path), fail_on="error", access="sequential")
    pixels = image.numpy()
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    alpha = np.ascontiguousarray(pixels[..., -1]) if image.bands in (2, 4) else None
    return Picture(np.ascontiguousarray(pixels[..., : image.bands - (alpha is not None)]), alpha)


def write(picture: Picture, path: str | Path) -> None:
    """Encode a picture file."""
    import pyvips

    bands = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    pyvips.Image.new_from_array(np.ascontiguousarray(bands)).write_to_file(str(path))


def picture_files(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return the picture files below a folder, sorted by name."""
    root = Path(folder)
    if not root.is_dir():
        raise PictureError(f"{folder}: not a folder")
    found = root.rglob("*") if recursive else root.glob("*")
    return sorted(path for path in found if path.suffix.lower() in _SUFFIXES and path.is_file())
