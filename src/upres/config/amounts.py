"""Amounts as people write them."""

from __future__ import annotations

import contextlib
import re

from upres.errors import ConfigError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_memory(text: str) -> int:
    """Read an amount of memory.

    >>> parse_memory("1.5GB"), parse_memory("512 MiB")
    (1500000000, 536870912)

    Raises:
        ConfigError: not a number with a unit.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise ConfigError(f"{text!r}: not an amount of memory; write it as 800MB, 1.5GB or 512MiB")
    return int(float(found[1]) * _UNITS[found[2]])


def parse_scale(text: str) -> float:
    """Read a scale; that it is one which there is, whoever uses it sees to.

    >>> parse_scale("4"), parse_scale("2.5x"), parse_scale("×2")
    (4.0, 2.5, 2.0)

    Raises:
        ConfigError: not a number, with or without an x.
    """
    with contextlib.suppress(ValueError):
        return float(text)
    found = re.fullmatch(r"\s*[x×]?\s*(\d+(?:[.,]\d+)?)\s*[x×]?\s*", text.lower())
    if found is None:
        raise ConfigError(f"scale {text!r}: not a number; write it as 4, 2.5 or 4x", settings=("scale",))
    return float(found[1].replace(",", "."))


def time_in_words(seconds: float) -> str:
    """Return a length of time.

    >>> [time_in_words(seconds) for seconds in (0.4, 59.6, 754, 7300)]
    ['0 s', '1 min', '13 min', '2 h 2 min']
    """
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
