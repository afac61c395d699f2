"""`upres models`."""

from __future__ import annotations


def models() -> None:
    """Not written yet."""
