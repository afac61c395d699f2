"""Plain words of the command line, read without pydantic, which Typer uses for each and which takes 0.1 s to import.

Only what can be read in one way is read here; all else, and every error, is Typer's.
"""

from __future__ import annotations

import functools
import os
import re
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


class _NotPlainError(Exception):
    """Typer is to read it."""


def read_plainly(param: Any) -> None:
    """Let a parameter of Typer's read plain values by itself, where what it is asks for nothing more."""
    try:
        annotation, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        asked: tuple[Any, ...] = (
            info.parser,
            info.min,
            info.max,
            info.clamp,
            info.exists,
            info.writable,
            info.resolve_path,
        )
        asked += (info.allow_dash, info.path_type)
        more = any(each is not None and each is not False for each in asked) or not (
            info.file_okay and info.dir_okay and info.case_sensitive
        )
    except AttributeError:  # another Typer, which may not need this
        return
    if not more:
        param.process_value = functools.partial(_processed, param, annotation, param.process_value)


def _processed(param: Any, annotation: Any, by_typer: Any, ctx: Any, value: Any) -> Any:
    try:
        several = param.multiple or param.nargs == -1
        read = (() if several else None) if value is None else _read(annotation, value)
        if param.required and param.value_is_missing(read):
            raise _NotPlainError
    except _NotPlainError:
        return by_typer(ctx, value)
    return read if param.callback is None else param.callback(ctx, param, read)


def _read(annotation: Any, value: Any) -> Any:
    """Return what pydantic makes of a value.

    Raises:
        _NotPlainError: it is not a plain one.
    """
    if get_origin(annotation) is list and isinstance(value, (list, tuple)):
        (each,) = get_args(annotation)
        return [_read(each, item) for item in value]
    if not isinstance(annotation, type):
        raise _NotPlainError
    if issubclass(annotation, Enum):
        return _member(annotation, value)
    if issubclass(annotation, Path) and isinstance(value, (str, Path)):
        # Of a file that may not be read Typer says so.
        if Path(value).exists() and not os.access(value, os.R_OK):
            raise _NotPlainError
        return annotation(value)
    return _number(annotation, value)


def _number(annotation: type, value: Any) -> Any:
    """Return a text, a yes or no, or a number."""
    if annotation in (str, bool, int, float) and type(value) is annotation:
        return value
    written = {int: _WHOLE, float: _DECIMAL}.get(annotation)
    if (annotation is float and type(value) is int) or (
        written is not None and isinstance(value, str) and written.fullmatch(value)
    ):
        return annotation(value)
    raise _NotPlainError


def _member(annotation: type[Enum], value: Any) -> Enum:
    for each in annotation:
        if value is each or (type(value) is str and value == each.value):
            return each
    raise _NotPlainError
