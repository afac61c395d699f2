"""Every limit that protects the process, with its default. Whoever calls may set another."""

from __future__ import annotations

MAX_PIXELS = 500_000_000
"""Pixels of a picture that is read; larger ones are refused by their header, before they are decoded."""

MAX_MEMORY = 1_000_000_000
"""Bytes that an enlargement of a file keeps the process below; tiles follow from it."""

MAX_SCALE = 32
"""Output side ÷ input side: ×32 turns one megapixel into a thousand; above it a scale is a slip of the finger."""

MAX_RECIPE_BYTES = 1_000_000
"""Characters of a recipe; ours have two thousand."""

MAX_RECIPE_VALUES = 100_000
"""Values in a recipe once repeated parts are written out: nine lines of YAML can say a thousand million."""

MAX_SEED = 2**64 - 1
"""What PyTorch's generators take."""

MAX_REACH = 100_000
"""Pixels: a model's receptive-field radius and the multiple of its sides; no picture is larger."""

MAX_VOTES_BYTES = 20_000_000
"""Of a file of votes on pictures; a vote takes two hundred."""
