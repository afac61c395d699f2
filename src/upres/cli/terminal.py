"""What a person sees: lines without control characters, and one line of progress that goes away."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any

# C0 but for the tab, DEL, C1, line separators, and what reverses the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_COLUMNS = 80  # of what says no width


def printable(text: str) -> str:
    """Return a line without control characters: in a file's name they would move the cursor or colour the terminal.

    >>> printable("a\x1b[31m.png")
    'a\\x1b[31m.png'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def printable_json(value: Any, *, indent: int) -> str:
    """Return JSON that reads back as `value`, and in which control characters beyond ASCII are escaped, too.

    >>> printable_json(["é\x9b31m"], indent=0)
    '[\n"é\\u009b31m"\n]'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)  # which escapes those below the space
    return _CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


class _Terminal:
    """Standard output and standard error, and the line of progress that several threads may draw on the second."""

    def __init__(self) -> None:
        self._drawing = threading.Lock()
        self._drawn = False

    def say(self, lines: tuple[str, ...], *, error: bool) -> None:
        """Print lines where the progress line was; the next progress draws it again below them."""
        with self._drawing:
            self._put("")
            print(*map(printable, lines), sep="\n", file=sys.stderr if error else sys.stdout, flush=True)

    def show(self, line: str) -> None:
        """Put a line in the place of the one before."""
        with self._drawing:
            self._put(line)

    def _put(self, line: str) -> None:
        if line or self._drawn:
            print(f"\r\x1b[K{_cut(printable(line), _columns() - 1)}", end="", file=sys.stderr, flush=True)
        self._drawn = bool(line)


_TERMINAL = _Terminal()


def say(*lines: str, error: bool = False) -> None:
    """Print lines, one an argument, on standard output, or on standard error."""
    _TERMINAL.say(lines, error=error)


def show(line: str) -> None:
    """Put a line of progress in the place of the one before; an empty one clears it."""
    _TERMINAL.show(line)


def counter(noun: str = "", *, every: int = 1) -> Callable[[int, int], None]:
    """Return what long work calls with how much is done and how much there is; silent where nobody watches.

    Args:
        noun: what is counted.
        every: show one of so many only, where one takes less time than showing it.
    """
    shown = sys.stderr.isatty()
    behind = f" {noun}" if noun else ""

    def progress(done: int, total: int) -> None:
        if not shown or (done % every and done < total):
            return
        show(f"{done:,} of {total:,}{behind}" if done < total else "")

    return progress


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def _cut(line: str, columns: int) -> str:
    """Return what of a line fits: what wraps is not cleared by clearing the line."""
    for end, character in enumerate(line):
        columns -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns < 0:
            return line[:end]
    return line
