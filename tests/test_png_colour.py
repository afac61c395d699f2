"""What a PNG says of its numbers: gAMA, cHRM, sRGB, iCCP and cICP, which of them wins, and what is written again."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.colour_patches import patches
from tests.colour_profiles import D65, PRIMARIES, PROFILES, by_littlecms
from tests.png_chunks import chunk, chunks, cicp, png, samples_of
from tests.small_pictures import failure
from upres.image import Picture, read, read_pages, write
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.upscaler import Upscaler


def gama(number: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">L", number))


def chrm(name: str) -> bytes:
    numbers = [number for point in (D65, *PRIMARIES[name]) for number in point]
    return chunk(b"cHRM", struct.pack(">8L", *(round(number * 100_000) for number in numbers)))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"own\0\0" + zlib.compress(profile))


SRGB_CHUNK = chunk(b"sRGB", b"\0")
P3_CICP, PQ, HLG = cicp(12, 13, 0, 1), cicp(9, 16, 0, 1), cicp(9, 18, 0, 1)


@pytest.mark.parametrize("output", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_linear_light_stays_linear_light(channels: int, output: str, tmp_path: Path) -> None:
    (tmp_path / "lr.png").write_bytes(png(np.full((12, 12, channels), 128, np.uint8), gama(100_000)))
    Upscaler(BicubicPredictor(2)).file(tmp_path / "lr.png", tmp_path / f"sr{output}")
    with Image.open(tmp_path / f"sr{output}") as made:
        profile = made.info["icc_profile"]
        sr = np.asarray(made)
    assert by_littlecms(sr, profile)[12, 12].tolist() == [188, 188, 188]


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_gamma_and_primaries_become_the_profile_that_littlecms_reads_alike(name: str, tmp_path: Path) -> None:
    lr = patches(3, "uint8")
    gamma = {"Display P3": 2.2, "Adobe RGB": 563 / 256}[name]
    (tmp_path / "lr.png").write_bytes(png(lr, gama(round(100_000 / gamma)), chrm(name)))
    made = read(tmp_path / "lr.png").profile
    assert made is not None
    assert np.abs(by_littlecms(lr, made) - by_littlecms(lr, PROFILES[name])).max() <= 1


def test_what_stands_higher_wins(tmp_path: Path) -> None:
    lr = patches(3, "uint8")

    def seen(*before: bytes) -> Picture:
        (tmp_path / "x.png").write_bytes(png(lr, *before))
        return read(tmp_path / "x.png")

    own = PROFILES["Adobe RGB"]
    assert seen(iccp(own), gama(100_000)).profile == own
    assert seen(SRGB_CHUNK, gama(100_000), chrm("Display P3")).profile is None
    assert seen(gama(45_455)).profile is None  # what writers of sRGB put there
    assert seen(gama(45_455), chrm("sRGB")).profile is None
    assert seen(chrm("sRGB")).profile is None
    assert seen(gama(0)).profile is None
    assert seen(chunk(b"cHRM", bytes(32))).profile is None
    assert seen(cicp(1, 13, 0, 1), iccp(own)).profile is None
    assert seen(cicp(2, 2, 0, 1), iccp(own)).profile == own  # unspecified
    assert seen(cicp(1, 13, 1, 1), iccp(own)).profile == own  # a matrix, which RGB has not
    linear = seen(cicp(12, 8, 0, 1), gama(45_455)).profile
    assert linear is not None
    light = np.floor((lr / 255.0) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
    difference = by_littlecms(lr, linear) - by_littlecms(light, PROFILES["Display P3"])
    assert np.abs(difference).max() <= 3  # `light` was rounded, too
    p3 = seen(P3_CICP, gama(45_455))
    assert p3.profile is not None and p3.cicp == (12, 13, 0, 1)


def test_hdr_is_kept_in_png_and_refused_elsewhere(tmp_path: Path) -> None:
    lr = patches(3, "uint16")
    upscaler = Upscaler(BicubicPredictor(2))
    for body in (PQ, HLG, cicp(1, 13, 0, 0)):
        (tmp_path / "hdr.png").write_bytes(png(lr, body))
        upscaler.file(tmp_path / "hdr.png", tmp_path / "sr.png")
        content = (tmp_path / "sr.png").read_bytes()
        assert content[33 : 33 + len(body)] == body  # behind the header, as the specification asks
        assert chunks(content)[b"cICP"] == body[8:12]
        with Image.open(tmp_path / "sr.png") as made:
            made.verify()
        np.testing.assert_array_equal(samples_of(tmp_path / "sr.png"), upscaler(lr))
        write(read(tmp_path / "hdr.png"), tmp_path / "copy.png")
        assert chunks((tmp_path / "copy.png").read_bytes())[b"cICP"] == body[8:12]
        for suffix in (".jpg", ".tif", ".webp"):
            message = failure(upscaler.file, tmp_path / "hdr.png", tmp_path / f"sr{suffix}")
            assert "by PNG's cICP or HEIF's nclx" in message
            assert "Write .png" in message
            assert not (tmp_path / f"sr{suffix}").exists()
    # A profile beside it says nearly the same to those who do not know cICP.
    (tmp_path / "both.png").write_bytes(png(lr, PQ, iccp(PROFILES["Adobe RGB"])))
    upscaler.file(tmp_path / "both.png", tmp_path / "both.tif")
    assert read(tmp_path / "both.tif").profile == PROFILES["Adobe RGB"]


def test_an_animation_keeps_cicp_and_significant_bits_are_left_behind(tmp_path: Path) -> None:
    frames = [Image.fromarray(patches(3, "uint8")), Image.fromarray(255 - patches(3, "uint8"))]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + PQ + chunk(b"sBIT", b"\5\6\5") + content[33:])
    Upscaler(BicubicPredictor(2)).file(tmp_path / "a.png", tmp_path / "sr.png")
    found = chunks((tmp_path / "sr.png").read_bytes())
    assert found[b"cICP"] == PQ[8:12]
    assert read_pages(tmp_path / "sr.png").count == 2
    assert b"sBIT" not in found  # what is enlarged uses every bit


def test_numbers_that_are_no_cicp_are_refused() -> None:
    pixels = patches(3, "uint8")
    for numbers in ((9, 16, 1, 1), (9, 256, 0, 1), (9, -1, 0, 1), (9, 16, 0, 2)):
        assert "cicp = " in failure(lambda given=numbers: Picture(pixels, cicp=given))
