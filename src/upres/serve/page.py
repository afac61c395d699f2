"""The page at `/`, and the files that belong to it: one table."""

from __future__ import annotations

import html
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from upres.serve.parameters import PARAMETERS
from upres.serve.service import Service

FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path → file in `static/` and its type."""

_MODELS, _FORMATS, _HINT = "<!--models-->", "<!--formats-->", "<!--hint {}-->"


async def file(request: Request) -> Response:
    """Send one of them; the page's lists are those of this installation."""
    name, kind = FILES[request.scope["path"]]
    text = files("upres.serve").joinpath("static", name).read_text(encoding="utf-8")
    if name == "index.html":
        text = await _filled(text, request.app.state.service)
    return Response(text, media_type=kind, headers={"cache-control": "no-cache"})


async def _filled(text: str, service: Service) -> str:
    models = dict.fromkeys(model["name"] for model in await service.tables("models"))
    written = [form for form in await service.tables("formats") if form["write"]]
    own = service.settings.model
    text = text.replace(_MODELS, "".join(_option(name, name, chosen=name == own) for name in models))
    text = text.replace(_FORMATS, "".join(_option(form["suffixes"][0][1:], form["format"]) for form in written))
    for parameter in PARAMETERS:
        text = text.replace(_HINT.format(parameter.name), html.escape(parameter.meaning))
    return text


def _option(value: str, said: str, *, chosen: bool = False) -> str:
    return f'<option value="{html.escape(value)}"{" selected" if chosen else ""}>{html.escape(said)}</option>'
