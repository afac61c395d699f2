"""A model as people ask for it where several are named: its name, and a place between its corners."""

from __future__ import annotations

from pathlib import Path

from upres.config import config, line_options, parse
from upres.models.corners import Position


@config
class AskedPosition:
    """A place between a model's corners, as far as it was said.

    Attributes:
        denoise: 0 to 1.
        detail: 0 to 1.
    """

    denoise: float | None = None
    detail: float | None = None

    @property
    def position(self) -> Position:
        """The place, with 0 for what was not said."""
        return Position(self.denoise or 0.0, self.detail or 0.0)


def asked(model: str | Path) -> tuple[str | Path, AskedPosition]:
    """Return a model, and what stands behind a question mark in its name: `base?detail=0.5&denoise=0.25`.

    Raises:
        ConfigError: what stands there is something else.
    """
    if isinstance(model, Path) or "?" not in model or Path(model).exists():
        return model, AskedPosition()
    name, _, query = model.partition("?")
    return name, parse(AskedPosition, line_options(query, where=f"model {name}"), where=f"model {name}")
