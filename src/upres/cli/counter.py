"""How far long work is, as one line on a terminal that goes away when the work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable


def counter(noun: str = "", *, every: int = 1) -> Callable[[int, int], None]:
    """Return what long work calls with how much is done and how much there is; silent where nobody watches.

    Args:
        noun: what is counted.
        every: show only one in so many, where one takes less time than it costs to show it.
    """
    shown = sys.stderr.isatty()
    behind = f" {noun}" if noun else ""

    def progress(done: int, total: int) -> None:
        if not shown or (done % every and done < total):
            return
        line = f"{done:,} of {total:,}{behind}" if done < total else ""
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    return progress
