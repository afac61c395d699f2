"""What can be asked of a film."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

SEGMENT = 120
"""Pictures of a segment: five seconds. What SIGKILL costs, and as far apart as key frames usually are."""


def seconds(number: float | Fraction) -> Fraction:
    """Return a time as it was meant: the float 0.2 is a little more than a fifth, and would take one picture more."""
    return Fraction(number).limit_denominator(1_000_000)


@dataclass(frozen=True)
class FilmOptions:
    """What can be asked of a film; `upres.video.upscale` says what each is."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    deinterlace: bool = False
    matrix: str | None = None
    segment: int = SEGMENT
    reuse: bool = True
    overwrite: bool = False
    skip_existing: bool = False
    quality: int = 95
    lossless: bool = False
