"""Strict configuration: frozen dataclasses read from plain data, and named parts of recipes."""

from upres.config.parts import Part, build, checked_part, line_options, parse_line, parse_part
from upres.config.strict import checked, config, dump, parse
from upres.config.tables import Table

__all__ = [
    "Part",
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
