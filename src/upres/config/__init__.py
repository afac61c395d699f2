"""Strict configuration: frozen dataclasses read from plain data, and named parts of recipes."""

from upres.config.named_parts import NamedPart, build, checked_part, line_options, parse_line, parse_part
from upres.config.strict import checked, config, dump, parse
from upres.config.tables import Table

__all__ = [
    "NamedPart",
    "Table",
    "build",
    "checked",
    "checked_part",
    "config",
    "dump",
    "line_options",
    "parse",
    "parse_line",
    "parse_part",
]
