"""Option files of other trainers: read as data within a recipe's limits, and taken apart key by key."""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from upres.config.limits import MAX_RECIPE_BYTES
from upres.errors import ConfigError
from upres.recipes.yaml_text import parse_yaml

# Levels of mappings and lists; theirs have five.
_DEEPEST = 50


def read_options(path: Path) -> dict[str, Any]:
    """Read a YAML or TOML file as plain data; nothing in it is run.

    Raises:
        ConfigError: it is missing, too long, nested too deeply, not of its format, or no mapping.
    """
    if path.suffix not in (".yml", ".yaml", ".toml"):
        raise ConfigError("should end in .yml, .yaml or .toml", where=path)
    if not path.is_file():
        raise ConfigError("no such file", where=path)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_RECIPE_BYTES + 1)
    except UnicodeDecodeError as error:
        raise ConfigError(f"not text ({error.reason})", where=path) from None
    values = _toml(text, path) if path.suffix == ".toml" else parse_yaml(text, where=str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"holds {type(values).__name__}; option files are mappings of name, scale, …", where=path)
    if _depth(values) > _DEEPEST:
        raise ConfigError("nested too deeply for options", where=path)
    return values


def _toml(text: str, path: Path) -> Any:
    if len(text) > MAX_RECIPE_BYTES:
        raise ConfigError(f"longer than {MAX_RECIPE_BYTES:,} characters; options have a few thousand", where=path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError("nested too deeply for options", where=path) from None
    except ValueError as error:
        raise ConfigError(f"not valid TOML ({' '.join(str(error).split())[:300]})", where=path) from None


def _depth(values: Any) -> int:
    """Return how many levels there are, or one more than is allowed; level by level, without recursion."""
    level, depth = [values], 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [inner for each in level for inner in _inner(each) if isinstance(inner, dict | list)]
    return depth


def _inner(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value


class Options:
    """What is still to be taken over: each method takes a value by its dotted key, if it is there and of that kind.

    What nobody took stays, and `left` names it: nothing is passed over in silence.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._left = copy.deepcopy(dict(values))

    def keys(self, key: str) -> list[str]:
        """Return the keys of the mapping under a key, or the places of a list; none of anything else."""
        found = self._at(key)
        if isinstance(found, list):
            return [str(number) for number in range(len(found))]
        return [str(each) for each in found] if isinstance(found, Mapping) else []

    def text(self, key: str) -> str | None:
        """Take a text that is not empty."""
        value = self._at(key)
        return str(self._taken(key)) if isinstance(value, str) and value.strip() else None

    def flag(self, key: str) -> bool | None:
        """Take true or false."""
        value = self._at(key)
        return bool(self._taken(key)) if isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        """Take a finite number, also one that YAML reads as a text (`1e-4`)."""
        value = _number(self._at(key))
        if value is not None:
            self._taken(key)
        return value

    def count(self, key: str, *, least: int = 0) -> int | None:
        """Take a whole number from `least`, also one that is written as `5e3`."""
        value = _number(self._at(key))
        if value is None or value != int(value) or value < least:
            return None
        self._taken(key)
        return int(value)

    def numbers(self, key: str, length: int | None = None) -> list[float] | None:
        """Take a list of numbers, of a length if one is given."""
        value = self._at(key)
        found = [_number(each) for each in value] if isinstance(value, list) else []
        if not found or None in found or length not in (None, len(found)):
            return None
        self._taken(key)
        return [each for each in found if each is not None]

    def texts(self, key: str) -> list[str]:
        """Take one text or a list of them."""
        value = self._at(key)
        found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if not found or not all(isinstance(each, str) and each.strip() for each in found):
            return []
        self._taken(key)
        return list(found)

    def drop(self, *keys: str) -> None:
        """Take what says nothing about the result."""
        for key in keys:
            self._taken(key)

    def left(self) -> list[str]:
        """Return `key = value` of all that was not taken and says something."""
        return [f"{key} = {_said(value)}" for key, value in _leaves(self._left, "")]

    def _at(self, key: str) -> Any:
        found: Any = self._left
        for name in key.split("."):
            if isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                return None
        return found

    def _taken(self, key: str) -> Any:
        parent, _, last = key.rpartition(".")
        place = self._at(parent) if parent else self._left
        return place.pop(last, None) if isinstance(place, dict) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _leaves(values: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, list) and any(isinstance(each, Mapping) for each in values):
        for number, value in enumerate(values):
            yield from _leaves(value, f"{key}.{number}")
    elif values is not None:
        yield key, values


def _said(value: Any) -> str:
    try:
        return str(value)[:80]
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of many digits"
