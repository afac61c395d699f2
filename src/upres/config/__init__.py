"""Strict configuration: frozen dataclasses read from plain data, and named parts of recipes."""

from upres.config.parts import Part, build, line_options, parse_line, parse_part
from upres.config.strict import config, dump, parse

__all__ = ["Part", "build", "config", "dump", "line_options", "parse", "parse_line", "parse_part"]
