"""Formats that a package of pip's reads where libvips does not: which decoder a file gets, or what to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from upres.errors import PictureError
from upres.image.codecs.table import Extra, Format, Opener


def installed(extra: Extra) -> bool:
    """Return whether the package is there; it is not imported."""
    return importlib.util.find_spec(extra.module) is not None


def opener(path: Path, form: Format) -> Opener | None:
    """Return upres's own decoder for a file, or `None` where libvips decodes it.

    Raises:
        PictureError: neither does; it says what to install.
    """
    if form.extra is None or not form.extra.needed(path):
        return form.open
    if not installed(form.extra):
        raise PictureError(
            f"a {form.extra.title} file, which this installation does not read; {form.extra.install}, or convert it "
            "to PNG",
            where=path,
        )
    return form.extra.open
