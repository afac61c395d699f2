"""Which model a film gets."""

from __future__ import annotations

from pathlib import Path

from upres.models.shipped import DEFAULT
from upres.upscaling.loading import Options

VIDEO = "video"
"""The name that stands for the model that flickers least among those that keep up: `python -m benchmarks.video`."""

STEADIEST = "fast"


def film_model(model: str | Path | None) -> str | Path:
    """Return the model that is meant: `base` unless one is named, and for `video` the steadiest."""
    if model is None:
        return DEFAULT
    return STEADIEST if model == VIDEO else model


def film_options(options: Options) -> Options:
    """Return the options with detail 0 where none is asked for: detail that each picture makes anew shimmers."""
    asked = options.copy()
    if asked.get("detail") is None:
        asked["detail"] = 0.0
    return asked
