"""Colour profiles that are longer than they say, badly aligned, or damaged."""

import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips

from tests.small_pictures import RNG, failure, vips_image
from upres import DamagedPictureWarning
from upres.image import Picture, read, write


def sound_profile() -> bytes:
    made: bytes = (
        vips_image(RNG.integers(0, 256, (2, 2, 3), np.uint8))
        .icc_transform("srgb", input_profile="srgb")
        .get("icc-profile-data")
    )
    return made


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_what_stands_behind_a_profiles_end_is_left_out(tmp_path: Path, suffix: str) -> None:
    """PNG could not be written of it: libpng takes no profile that is longer than it says."""
    profile = sound_profile()
    padded = Picture(RNG.integers(0, 256, (4, 4, 3), np.uint8), profile=profile + bytes(20))
    write(padded, tmp_path / f"x{suffix}")
    assert read(tmp_path / f"x{suffix}").profile == profile


def test_a_profile_of_version_4_that_is_not_aligned_goes_into_a_png(tmp_path: Path) -> None:
    profile = bytearray(sound_profile() + b"\0")
    profile[:4], profile[8] = struct.pack(">L", len(profile)), 4
    write(Picture(RNG.integers(0, 256, (4, 4, 3), np.uint8), profile=bytes(profile)), tmp_path / "x.png")
    found = read(tmp_path / "x.png").profile
    assert found is not None and found[4 : len(profile)] == bytes(profile[4:])
    assert len(found) % 4 == 0 and struct.unpack(">L", found[:4])[0] == len(found)


@pytest.mark.parametrize(
    ("at", "there"),
    [(0, b"\0\0\x80\xe0"), (12, b"link"), (20, b"CMYK"), (66, b"\xff\xff"), (136, b"\0\xff\0\0")],
)
def test_a_damaged_profile_is_left_behind_with_a_word(tmp_path: Path, at: int, there: bytes) -> None:
    damaged = bytearray(sound_profile())
    damaged[at : at + len(there)] = there
    image = vips_image(RNG.integers(0, 256, (4, 4, 3), np.uint8)).copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(damaged))
    image.jpegsave(str(tmp_path / "x.jpg"))
    with pytest.warns(DamagedPictureWarning, match=r"x\.jpg: its colour profile is damaged and was left behind"):
        assert read(tmp_path / "x.jpg").profile is None
    said = failure(lambda: read(tmp_path / "x.jpg", strict=True))
    assert "its colour profile is damaged" in said
    said = failure(lambda: Picture(RNG.integers(0, 256, (4, 4, 3), np.uint8), profile=bytes(damaged)))
    assert "profile is damaged or not for RGB pixels" in said
