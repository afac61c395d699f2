"""One html file that shows everything and asks nobody for anything: the frame that all of them share."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from upres import __version__

_FOLDER = Path(__file__).parent


def page(body: Path, *, title: str, styles: Sequence[Path], scripts: Sequence[Path] = (), **parts: object) -> str:
    """Return a document of the house's style; its policy allows the pictures inside it, its style and its script.

    Args:
        body: the file of what stands in the body, a template.
        title: plain text.
        styles: files that follow the house's style; templates, too.
        scripts: files that become one script, as they are.
        parts: html for what the templates name, `version` besides.
    """
    parts = {"version": escape(__version__), **parts}
    style = "\n" + "\n".join(filled(path, **parts) for path in (_FOLDER / "house.css", *styles))
    script = "\n" + "\n".join(path.read_text(encoding="utf-8") for path in scripts) if scripts else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    return filled(
        _FOLDER / "page.html",
        policy=policy,
        title=escape(title),
        style=style,
        body=filled(body, **parts),
        scripts=f"<script>{script}</script>\n" if script else "",
    )


def filled(path: Path, **parts: object) -> str:
    """Return a template with its parts.

    Raises:
        KeyError: it names a part that was not given.
    """
    return Template(path.read_text(encoding="utf-8")).substitute(parts)


def _digest(text: str) -> str:
    """Return how a content security policy names an inline text (CSP level 3, 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
