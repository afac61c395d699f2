"""The page at `/`, and the files that belong to it: one table."""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import Response

from upres import __version__
from upres.service.service import Service

_STATIC = Path(__file__).parent / "static"
_HOUSE = Path(__file__).parents[1]
_STYLE, _SCRIPT = "text/css", "text/javascript"

FILES = {
    "/": (_STATIC / "index.html", "text/html"),
    "/icon.svg": (_STATIC / "icon.svg", "image/svg+xml"),
    "/house.css": (_HOUSE / "html" / "house.css", _STYLE),
    "/viewer.css": (_HOUSE / "compare" / "viewer.css", _STYLE),
    "/page.css": (_STATIC / "page.css", _STYLE),
    "/viewer.js": (_HOUSE / "compare" / "viewer.js", _SCRIPT),
    "/zip.js": (_STATIC / "zip.js", _SCRIPT),
    "/page.js": (_STATIC / "page.js", _SCRIPT),
}
"""Path → file and its type. The viewer is that of `upres compare`, the style that of every page of upres."""

TEXTS = _STATIC / "texts.json"
"""All words of the page, by what they are for."""

_PLACES = ("0", "0.25", "0.5", "0.75", "1")


async def file(request: Request) -> Response:
    """Send one of them; the page's lists are those of this installation."""
    path, kind = FILES[request.scope["path"]]
    text = path.read_text(encoding="utf-8")
    if kind == "text/html":
        text = await _filled(text, request.app.state.service)
    return Response(text, media_type=kind, headers={"cache-control": "no-cache"})


async def _filled(text: str, service: Service) -> str:
    texts: dict[str, str] = json.loads(TEXTS.read_text(encoding="utf-8"))
    models = dict.fromkeys(model["name"] for model in await service.tables("models"))
    written = [form for form in await service.tables("formats") if form["write"]]
    own = service.settings.model
    places = {
        axis: _option(first, texts[f"{axis}_{said}"])
        + "".join(_option(place, texts[f"{axis}_{place}"]) for place in _PLACES)
        for axis, first, said in (("denoise", "auto", "auto"), ("detail", "", "own"))
    }
    return Template(text).substitute(
        {name: html.escape(said) for name, said in texts.items()},
        version=html.escape(__version__),
        models="".join(_option(name, name, chosen=name == own) for name in models),
        formats="".join(_option(form["suffixes"][0][1:], form["format"]) for form in written),
        denoises=places["denoise"],
        details=places["detail"],
        texts=json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"),
    )


def _option(value: str, said: str, *, chosen: bool = False) -> str:
    return f'<option value="{html.escape(value)}"{" selected" if chosen else ""}>{html.escape(said)}</option>'
