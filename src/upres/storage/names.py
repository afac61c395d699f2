"""Names of files that not every system keeps as they are."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path

# Source: "Naming Files, Paths, and Namespaces", Microsoft Learn; a device's name stands for it whatever suffix follows.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?", re.IGNORECASE | re.DOTALL)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')


def refused_by_windows(name: str) -> str | None:
    """Return why Windows has no file or folder of this name, in words, or `None` where it has.

    >>> refused_by_windows("aux.png"), refused_by_windows("aux_x4.png")
    ('the name of a device', None)
    """
    if _DEVICES.fullmatch(name):
        return "the name of a device"
    if found := _FORBIDDEN.search(name):
        return f"a name with {found[0]!r} in it"
    return "a name that ends in a dot or a space" if name.endswith((".", " ")) else None


def folded(path: Path) -> str:
    """Return a path so that two are equal where Windows or macOS takes them for one."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def folds_case(folder: Path) -> bool:
    """Return whether a folder takes `A.png` and `a.png` for one file, by asking one of its entries or the system."""
    try:
        with os.scandir(folder) as entries:
            name = next((entry.name for entry in entries if entry.name.swapcase() != entry.name), None)
        if name is not None:
            other = folder / name.swapcase()
            return other.exists() and other.samefile(folder / name)
    except OSError:  # it is made later
        pass
    return sys.platform in ("win32", "darwin")
