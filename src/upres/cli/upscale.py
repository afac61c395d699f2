"""`upres upscale`."""

from __future__ import annotations


def upscale() -> None:
    """Not written yet."""
