"""Pictures of a comparison as addresses inside an html document, and a document that keeps to its size."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upres.compare.comparison import Comparison, View
from upres.html.embedding import data_uri
from upres.html.page import filled, page
from upres.image import Picture, write
from upres.image.codecs.table import FORMATS

FOLDER = Path(__file__).parent
# A page is cut so often that it comes to lie below its size: lossless files do not shrink exactly as their area does.
_CUTS = 4
_SPARE = 0.96


@dataclass(frozen=True)
class EmbeddedView:
    """The addresses of a view's pictures."""

    lr: str
    versions: tuple[str, ...]
    original: str | None

    @property
    def size(self) -> int:
        """Characters in all."""
        return len(self.lr) + sum(map(len, self.versions)) + len(self.original or "")


def embedded(comparison: Comparison, page_bytes: int) -> tuple[Comparison, list[list[EmbeddedView]]]:
    """Return the pictures as addresses, of smaller regions where they were chosen and come out larger than allowed.

    Returns:
        The comparison as it is shown, and its views by picture.
    """
    for _ in range(_CUTS):
        found = [[_embedded(view) for view in picture.views] for picture in comparison.pictures]
        size = sum(view.size for views in found for view in views)
        if size <= page_bytes or not comparison.chosen:
            break
        comparison = comparison.shrunk(page_bytes / size * _SPARE)
    return comparison, found


def picture_address(picture: Picture) -> str:
    """Return a picture as an address: what `upres.write` makes of it, lossless, with its profile."""
    form = "webp" if max(picture.height, picture.width) <= FORMATS["webp"].most else "png"
    with tempfile.TemporaryDirectory(prefix="upres-") as folder:
        path = Path(folder) / f"picture.{form}"
        write(picture, path, lossless=True)
        return data_uri(path.read_bytes(), form)


def document(name: str, *, title: str, **parts: object) -> str:
    """Return a page with the viewer, which is called so in this folder; the rest is as in `upres.html.page`."""
    return page(
        FOLDER / f"{name}.html",
        title=f"upres: {title}",
        styles=[FOLDER / "viewer.css", FOLDER / f"{name}.css"],
        scripts=[FOLDER / "viewer.js", FOLDER / f"{name}.js"],
        controls=filled(FOLDER / "viewer.html").rstrip("\n"),
        stage=filled(FOLDER / "stage.html").rstrip("\n"),
        **parts,
    )


def as_data(value: Any) -> str:
    """Return plain data as JSON that may stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _embedded(view: View) -> EmbeddedView:
    return EmbeddedView(
        picture_address(view.lr),
        tuple(map(picture_address, view.versions)),
        None if view.original is None else picture_address(view.original),
    )
