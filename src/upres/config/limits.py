"""Every limit that protects the process, with its default. Whoever calls may set another."""

from __future__ import annotations

MAX_PIXELS = 500_000_000
"""Pixels of a picture that is read; larger ones are refused by their header, before they are decoded."""

MAX_MEMORY = 1_000_000_000
"""Bytes that an enlargement of a file keeps the process below; tiles follow from it."""

MAX_SCALE = 32
"""Output side ÷ input side: ×32 turns one megapixel into a thousand; above it a scale is a slip of the finger."""
