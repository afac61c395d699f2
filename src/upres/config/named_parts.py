"""Named parts of a configuration: `{name: edsr, width: 64}` → the table's class and its typed configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from upres.config.strict import checked, dump
from upres.errors import ConfigError, nearest

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class NamedPart:
    """A choice from a table: the name and the configuration that goes with it."""

    name: str
    config: Any

    def dump(self) -> dict[str, Any]:
        """Return it as a recipe writes it."""
        return {"name": self.name, **dump(self.config)}


def parse_part(table: Mapping[str, Any], values: Any, *, where: str, key: str) -> NamedPart:
    """Read a named part of a recipe against its table.

    Raises:
        ConfigError: no `name`, a name the table does not hold (nearest first), or a wrong configuration key.
    """
    try:
        return checked_part(table, values, key=key)
    except ValueError as fault:
        raise ConfigError(f"{where}: {fault}") from None


def checked_part(table: Mapping[str, Any], values: Any, *, key: str) -> NamedPart:
    """Read a named part as `parse_part` does, for those who do not know the place.

    Raises:
        ValueError: as `parse_part`, which adds the place.
    """
    if isinstance(values, str):  # `arch: srcnn` is short for `arch: {name: srcnn}`
        values = {"name": values}
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str):
        raise ValueError(f"{key} = {values!r}: should be a name, or a mapping with one: {', '.join(sorted(table))}")
    name = values["name"]
    if name not in table:
        raise ValueError(f"{key}.name = {name!r} is unknown: {nearest(name, table)}")
    rest = {field: value for field, value in values.items() if field != "name"}
    return NamedPart(name, checked(table[name].config_type, rest, key=key))


def parse_line(table: Mapping[str, Any], text: str, *, where: str) -> NamedPart:
    """Read a part from one line: a name, and its options behind a question mark, as in `bicubic?antialias=false`.

    Raises:
        ConfigError: as `parse_part`.
    """
    name, _, query = text.partition("?")
    return parse_part(table, {**line_options(query, where=where), "name": name}, where=where, key=name)


def line_options(query: str, *, where: str) -> dict[str, str]:
    """Return what stands behind a question mark: `take=100&shrink=2`.

    Raises:
        ConfigError: it is no list of options.
    """
    try:
        return dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise ConfigError(f"{where}: {query!r} should be options, as in ?take=100&shrink=2") from error


def build(table: Mapping[str, type[T]], part: NamedPart, **context: Any) -> T:
    """Build the chosen class from its configuration; `context` is what the table's classes take besides."""
    constructor: Any = table[part.name]
    built: T = constructor(part.config, **context)
    return built
