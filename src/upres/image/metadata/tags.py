"""What travels with the pixels of a picture and is not pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Tags:
    """What travels with the pixels; a `Picture` has the same three.

    Attributes:
        profile: the ICC profile that says what the numbers mean, or `None` (then sRGB).
        metadata: the blobs that travel, by kind: `exif`, `iptc`, `xmp`.
        resolution: horizontal and vertical pixels per millimetre, or `None` when the file did not say.
    """

    profile: bytes | None = field(default=None, repr=False)
    metadata: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    resolution: tuple[float, float] | None = None
