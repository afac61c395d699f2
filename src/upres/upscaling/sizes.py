"""How large an enlarged picture is to be: what people write, as numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from upres.errors import ConfigError

LABELLED = re.compile(r"(.+)_(?:x\d+(?:\.\d+)?|\d+x\d+|w\d+|h\d+)", re.DOTALL)
"""A name with one of the labels that `Size.label` gives, and the name without it."""


@dataclass(frozen=True)
class Size:
    """The size that is wanted, said in one of four ways or not at all; the shape of a picture never changes.

    Attributes:
        scale: output side ÷ input side.
        width, height: output pixels of one side; the other follows.
        fit: width and height of a box into which the output fits, touching two of its sides.

    Raises:
        ConfigError: said in two ways, or a side below one pixel.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    fit: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("scale", "width", "height", "fit") if getattr(self, name) is not None]
        if len(given) > 1:
            hint = "; give fit, a box, to have both" if given == ["width", "height"] else ""
            raise ConfigError(f"{given[0]} and {given[1]} are both given, and one of them decides the size{hint}")
        for name, side in (("width", self.width), ("height", self.height), ("fit", min(self.fit or (1, 1)))):
            if side is not None and side < 1:
                raise ConfigError(f"{name} = {side}: should be at least 1")

    @property
    def fixed(self) -> bool:
        """Whether the scale is the same for all pictures."""
        return self.width is None and self.height is None and self.fit is None

    @property
    def label(self) -> str:
        """What tells the size in a file's name; empty when nothing was said."""
        if self.scale is not None:
            return f"_x{self.scale:g}"
        if self.fit is not None:
            return f"_{self.fit[0]}x{self.fit[1]}"
        return f"_w{self.width}" if self.width is not None else f"_h{self.height}" if self.height is not None else ""

    def scale_for(self, height: int, width: int) -> float | None:
        """Return output side ÷ input side of a picture of this size, or `None` for the model's own."""
        if self.fit is not None:
            return min(self.fit[0] / width, self.fit[1] / height)
        if self.width is not None:
            return self.width / width
        return self.height / height if self.height is not None else self.scale


def scaled(length: int, scale: float) -> int:
    """Return a side times a scale in whole pixels, halves rounded up, at least 1."""
    return max(1, math.floor(length * scale + 0.5))


def box(text: str) -> tuple[int, int]:
    """Read a box.

    >>> box("3840x2160")
    (3840, 2160)

    Raises:
        ConfigError: not two whole numbers.
    """
    found = re.fullmatch(r"\s*(\d+)\s*[x×X*]\s*(\d+)\s*", text)
    if found is None:
        raise ConfigError(f"{text!r}: not a box; write its width and height as 3840x2160")
    return int(found[1]), int(found[2])
