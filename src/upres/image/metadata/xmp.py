"""XMP packets made true of upright pixels."""

from __future__ import annotations

import re
from fractions import Fraction

from upres.image.metadata.ifd import INCH


def upright(xmp: bytes, width: int, height: int, resolution: tuple[float, float] | None = None) -> bytes:
    """Return an XMP packet that is true of upright pixels of this size, where it has such tags at all.

    Resolution tags state `resolution` (pixels per millimetre) when it is given, as XMP writes rationals: 300/1.
    """
    truths = [
        (rb"(?:tiff:ImageWidth|exif:PixelXDimension)", str(width)),
        (rb"(?:tiff:ImageLength|exif:PixelYDimension)", str(height)),
        (rb"tiff:Orientation", "1"),
    ]
    if resolution is not None:
        x, y = (Fraction(number * 25.4).limit_denominator(1000) for number in resolution)
        truths += [
            (rb"tiff:XResolution", f"{x.numerator}/{x.denominator}"),
            (rb"tiff:YResolution", f"{y.numerator}/{y.denominator}"),
            (rb"tiff:ResolutionUnit", str(INCH)),
        ]
    for names, truth in truths:
        number = truth.encode()
        xmp = re.sub(rb"(" + names + rb"\s*=\s*[\"'])[\d/.]+", rb"\g<1>" + number, xmp)
        xmp = re.sub(rb"(<" + names + rb"\s*>\s*)[\d/.]+", rb"\g<1>" + number, xmp)
    return xmp
