"""The ways to write a source: a mapping in a recipe, one line anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upres.config import parse
from upres.config.named_parts import NamedPart, build, line_options, parse_part
from upres.data.sources.hf import Hf
from upres.data.sources.published import PUBLISHED
from upres.data.sources.source import Source
from upres.data.sources.table import ANY_FOLDER, SOURCES
from upres.errors import ConfigError, DataError

_HUB = "hf://"


def parse_source(values: Any, *, where: str, key: str) -> NamedPart:
    """Read one source of a recipe: a mapping with a name, or anything whose path is `hf://owner/name`.

    Raises:
        ConfigError: an unknown source, or a wrong option of it.
    """
    if isinstance(values, str) and values.startswith(_HUB):
        return _hub_part(values, {}, where=where, key=key)
    if isinstance(values, Mapping) and str(values.get("path", "")).startswith(_HUB):
        rest = {name: value for name, value in values.items() if name not in ("name", "path")}
        return _hub_part(values["path"], rest, where=where, key=key)
    return parse_part(SOURCES, values, where=where, key=key)


def open_source(text: str, *, scale: int | None = None, split: str | None = None, evaluated: bool = False) -> Source:
    """Open what one line names: `PATH`, or `hf://owner/name`, with options behind a question mark.

    `faces?take=100&resize=128`, `DIV2K?split=validation`, `hf://owner/name@revision?split=test`. What a path
    holds is recognised: the first source of `SOURCES` that knows it takes it.

    Args:
        text: the line.
        scale: hr side ÷ lr side, to find the published low-resolution partners; `None` looks for none.
        split: of the published layouts, where the line does not say another; `None` takes the training pictures.
        evaluated: where neither says a split, take the one that scores of that source are published on.

    Raises:
        ConfigError: an option that the source does not have.
        DataError: nothing usable is there.
    """
    return build(SOURCES, locate(text, scale=scale, split=split, evaluated=evaluated), root=Path())


def locate(text: str, *, scale: int | None = None, split: str | None = None, evaluated: bool = False) -> NamedPart:
    """Recognise what one line names, as `open_source`, without opening it."""
    if text.startswith(_HUB):
        return _hub_part(text, {}, where=text, key="")
    place, options = _split(text)
    path = Path(place).expanduser()
    if not path.exists():
        known = next((name for name in PUBLISHED if name.lower() == path.name.lower()), None)
        hint = f" (upres data get {known} downloads that set)" if known else ""
        raise DataError(f"{path}: no such file or folder; give pictures, an .npz file, or hf://owner/name{hint}")
    for name in (*(name for name in SOURCES if name != ANY_FOLDER), ANY_FOLDER):
        chosen = options.get("split", split) or (SOURCES[name].convention.split if evaluated else None)
        found = SOURCES[name].recognise(path, scale=scale, split=chosen)
        if found is None:
            continue
        if options.keys() & {"crop", "shrink", "resize"} and "lr" not in options:  # these would tear pairs apart
            found = {option: value for option, value in found.items() if option not in ("lr", "partner")}
        return NamedPart(name, parse(SOURCES[name].config_type, {**found, **options}, where=text))
    raise DataError(f"{path}: not a set of pictures; give a folder, an .npz file, or hf://owner/name")


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Return the path and the options behind its question mark; a file of that very name comes first."""
    if Path(text).expanduser().exists():
        return text, {}
    place, mark, query = text.partition("?")
    return (place, line_options(query, where=text)) if mark else (text, {})


def _hub_part(address: str, options: Mapping[str, Any], *, where: str, key: str) -> NamedPart:
    name, _, query = address.removeprefix(_HUB).removeprefix("datasets/").partition("?")
    name, _, revision = name.partition("@")
    values = {
        **options,
        **line_options(query, where=address),
        "dataset": name,
        **({"revision": revision} if revision else {}),
    }
    if not name.strip("/"):
        raise ConfigError(f"{where}: {key or 'data'} = {address!r}: should be hf://owner/name")
    return NamedPart("hf", parse(Hf.config_type, values, where=where, key=key))
