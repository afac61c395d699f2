"""What travels with the pixels of a picture and is not pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Cicp = tuple[int, int, int, int]
"""Primaries, transfer function, matrix and full range, by the numbers of ITU-T H.273."""


@dataclass(frozen=True)
class Tags:
    """What travels with the pixels; a `Picture` has the same four.

    Attributes:
        profile: the ICC profile that says what the numbers mean, or `None` (then sRGB).
        metadata: the blobs that travel, by kind: `exif`, `iptc`, `xmp`.
        resolution: horizontal and vertical pixels per millimetre, or `None` when the file did not say.
        cicp: what a PNG says the numbers mean, in numbers that go beyond profiles (HDR), or `None`.
    """

    profile: bytes | None = field(default=None, repr=False)
    metadata: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    resolution: tuple[float, float] | None = None
    cicp: Cicp | None = None

    @property
    def needs_cicp(self) -> bool:
        """Whether the pixels mean what no profile here says: HDR, most likely."""
        return self.cicp is not None and self.profile is None
