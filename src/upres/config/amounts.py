"""Amounts as people write them."""

from __future__ import annotations

import contextlib
import re
from fractions import Fraction

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


def parse_time(text: str) -> Fraction:
    """Read a length of time or a place in a film, in seconds.

    >>> [float(parse_time(text)) for text in ("90", "1.5s", "2min", "1:02:03.5")]
    [90.0, 1.5, 120.0, 3723.5]

    Raises:
        ConfigError: neither seconds, minutes nor hours:minutes:seconds.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?\s*", text.lower())
    if found is not None:
        return Fraction(found[1]) * {"m": 60, "min": 60, "h": 3600}.get(found[2], 1)
    found = re.fullmatch(r"\s*(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)\s*", text)
    if found is None:
        raise ConfigError(f"{text!r}: not a time; write it as 90, 1.5s, 2min or 1:02:03.5")
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + Fraction(found[3])


def time_in_words(seconds: float) -> str:
    """Return a length of time.

    >>> [time_in_words(seconds) for seconds in (0.4, 59.6, 754, 7300)]
    ['0 s', '1 min', '13 min', '2 h 2 min']
    """
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
