"""Strict configuration: frozen dataclasses read from plain data, and named parts of recipes."""

from upres.config.named_parts import NamedPart, build, checked_part, line_options, parse_line, parse_part
from upres.config.strict import also_called, checked, config, dump, nearest_key, parse
from upres.config.tables import Table

__all__ = [
    "NamedPart",
    "Table",
    "also_called",
    "build",
    "checked",
    "checked_part",
    "config",
    "dump",
    "line_options",
    "nearest_key",
    "parse",
    "parse_line",
    "parse_part",
]
