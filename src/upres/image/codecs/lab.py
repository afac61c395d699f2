"""Lab of TIFF files → sRGB: CIE 15 backwards from the white of D50, then sRGB's colours as they are under it.

TIFF 6.0 names no white for Lab; Adobe's Photoshop TIFF Technical Notes do, and the ICC for its own: D50. libvips takes
all Lab for that of D65, which makes a saturated green 60 levels too red.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from upres.image.codecs import vips
from upres.image.metadata.icc import SRGB

# White's lightness in 16 bits of ICCLab (TIFF Technical Note 4); TIFF's own Lab has 65,535.
_ICC_WHITE = 65_280


def marked(image: Any, *, signed: bool) -> Any:
    """Return stored L, a, b, alpha or not, as samples that say so: L from 0 to the peak, a and b with their half added.

    Args:
        image: samples of 8 or 16 bits as they are stored, or floats.
        signed: whether a and b are stored as signed numbers (`LAB`) and not with their half added (`ICC_LAB`).
    """
    if image.format in ("uchar", "ushort"):
        deep = image.format == "ushort"
        if signed:
            half = 32_768 if deep else 128
            image = image ^ [0, half, half, *[0] * (image.bands - 3)]
        elif deep:
            lightness = (image[0] * (65_535 / _ICC_WHITE)).cast("ushort")  # what is beyond white becomes white
            image = lightness.bandjoin(image[1:])
    return image.copy(interpretation="lab")


def in_srgb(image: Any, *, deep: bool) -> Any:
    """Return what `marked` gave as sRGB of 8 or 16 bits, with the alpha that it has.

    Floats are L, a and b themselves.
    """
    lab, white = image[:3], 1.0
    if image.format == "uchar":
        lab, white = lab.linear([100 / 255, 1, 1], [0, -128, -128]), 255.0
    elif image.format == "ushort":
        lab, white = lab.linear([100 / 65_535, 1 / 256, 1 / 256], [0, -128, -128]), 65_535.0
    colorants = SRGB.colorants()
    d50 = 100 * colorants.sum(axis=1)
    light_from_xyz = vips.pyvips().Image.new_from_array((np.linalg.inv(colorants) / 100).tolist())
    light = lab.copy(interpretation="lab").Lab2XYZ(temp=d50.tolist()).recomb(light_from_xyz)
    srgb = light.copy(interpretation="scrgb").colourspace("rgb16" if deep else "srgb")
    if image.bands == 3:
        return srgb
    return srgb.bandjoin((image[3] * ((65_535 if deep else 255) / white)).cast(srgb.format))
