"""Pictures of a comparison as addresses inside an html document, and a document that keeps to its size."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from upres import __version__
from upres.compare.comparison import Comparison, View
from upres.html.embedding import data_uri
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


def document(template: str, *, styles: tuple[str, ...], scripts: tuple[str, ...], **parts: str) -> str:
    """Fill a template of this folder in; its policy allows the pictures inside it, this style and this script.

    Args:
        template: a file's name.
        styles, scripts: files' names; they become one style and one script.
        parts: html for what the template names.
    """
    style, script = (
        "\n" + "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names) for names in (styles, scripts)
    )
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    controls, stage = (
        (FOLDER / name).read_text(encoding="utf-8").rstrip("\n") for name in ("viewer.html", "stage.html")
    )
    text = (FOLDER / template).read_text(encoding="utf-8")
    return Template(text).substitute(
        parts,
        style=style,
        script=script,
        policy=policy,
        controls=controls,
        stage=stage,
        version=escape(__version__),
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


def _digest(text: str) -> str:
    """Return how a content security policy names an inline text (CSP level 3, 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
