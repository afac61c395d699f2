"""What an AVIF says of its colours without a profile: kept as PNG's cICP is, or refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from tests.colour_patches import patches
from tests.colour_profiles import by_littlecms
from tests.png_chunks import chunks, cicp, png
from tests.small_pictures import failure
from upres.image import read
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.upscaler import Upscaler


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_what_an_avif_says_without_a_profile_is_kept_or_refused(tmp_path: Path) -> None:
    lr = patches(3, "uint8")
    Image.fromarray(lr).save(tmp_path / "srgb.avif", quality=100, subsampling="4:4:4")
    plain = (tmp_path / "srgb.avif").read_bytes()
    at = plain.index(b"colrnclx") + 8
    upscaler = Upscaler(BicubicPredictor(2))

    def said(primaries: int, transfer: int) -> Path:
        content = bytearray(plain)
        content[at : at + 4] = struct.pack(">HH", primaries, transfer)
        (tmp_path / "x.avif").write_bytes(content)
        return tmp_path / "x.avif"

    for numbers in ((1, 13), (1, 1), (1, 6), (2, 2), (12, 2), (300, 13)):
        assert read(said(*numbers)).profile is None and not read(said(*numbers)).tags.needs_cicp
    for numbers in ((12, 13), (9, 13), (1, 8)):
        (tmp_path / "x.png").write_bytes(png(lr, cicp(*numbers, 0, 1)))
        own = read(tmp_path / "x.png").profile  # held against LittleCMS above
        assert own is not None
        assert read(said(*numbers)).profile == own
        for suffix in (".jpg", ".png", ".avif"):
            upscaler.file(said(*numbers), tmp_path / f"sr{suffix}")
            assert read(tmp_path / f"sr{suffix}").profile == own
    # P3's reds are beyond sRGB's: what a screen shows of them is another colour than the same numbers in sRGB.
    p3 = read(said(12, 13))
    assert p3.profile is not None
    seen = by_littlecms(p3.pixels.astype(np.uint8), p3.profile)
    assert np.abs(seen - p3.pixels).max() > 20
    for transfer in (16, 18):
        upscaler.file(said(9, transfer), tmp_path / "hdr.png")
        assert chunks((tmp_path / "hdr.png").read_bytes())[b"cICP"] == bytes((9, transfer, 0, 1))
        message = failure(upscaler.file, said(9, transfer), tmp_path / "hdr.jpg")
        assert "by PNG's cICP or HEIF's nclx" in message and "Write .png" in message
    (tmp_path / "x.avif").write_bytes(plain[:at] + plain[at:].replace(b"\0\x0d", b"\0\0", 1))
    assert read(tmp_path / "x.avif").profile is None
