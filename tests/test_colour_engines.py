"""What enlarged numbers mean, held against other engines: Pillow with LittleCMS, tifffile, and arithmetic."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.colour_patches import SIDE, patches, worst_patch
from tests.colour_profiles import PRIMARIES, PROFILES, by_littlecms, matrix
from tests.png_chunks import chunks_profile, samples_of
from upres.image import read
from upres.models.shipped import PACKAGE
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.upscaler import Upscaler

BASE, FAST = PACKAGE / "base-x4.onnx", PACKAGE / "fast-x4.onnx"


def enlarge(model: Path, source: Path, target: Path, **options: Any) -> None:
    Upscaler(OnnxPredictor(model, threads=1), tile=64).file(source, target, **options)


@pytest.mark.parametrize("output", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("name", PROFILES)
def test_colours_by_littlecms_are_those_of_the_file(name: str, output: str, tmp_path: Path) -> None:
    lr = patches(1 if name.startswith("gray") else 3, "uint8")
    Image.fromarray(lr.squeeze()).save(tmp_path / "lr.png", icc_profile=PROFILES[name])
    enlarge(BASE, tmp_path / "lr.png", tmp_path / f"sr{output}", quality=100)
    with Image.open(tmp_path / f"sr{output}") as made:
        assert made.info["icc_profile"] == PROFILES[name]
        sr = np.asarray(made)
    expected = by_littlecms(lr, PROFILES[name])
    seen = by_littlecms(sr, made.info["icc_profile"])
    # JPEG rounds Y, Cb and Cr: a level or two more.
    assert worst_patch(expected, seen, 4) <= (3 if output == ".jpg" else 1)


def test_display_p3_by_arithmetic(tmp_path: Path) -> None:
    lr = np.floor(patches(3, "uint8") * 0.5 + 64).astype(np.uint8)
    Image.fromarray(lr).save(tmp_path / "lr.png", icc_profile=PROFILES["Display P3"])
    enlarge(FAST, tmp_path / "lr.png", tmp_path / "sr.png")
    light = (lr / 255.0) ** 2.2 @ matrix(PRIMARIES["Display P3"]).T @ np.linalg.inv(matrix(PRIMARIES["sRGB"])).T
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055).clip(0, 1) * 255
    seen = by_littlecms(samples_of(tmp_path / "sr.png").astype(np.uint8), chunks_profile(tmp_path / "sr.png"))
    assert worst_patch(np.floor(coded + 0.5), seen, 4) <= 1


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_becomes_the_srgb_of_littlecms(suffix: str, tmp_path: Path) -> None:
    profile = pyvips.Image.profile_load("cmyk")
    lr = np.floor(patches(4, "uint8") * 0.8).astype(np.uint8)
    with_profile: dict[str, Any] = {"icc_profile": profile}
    Image.fromarray(lr, "CMYK").save(tmp_path / f"lr{suffix}", quality=100, subsampling=0, **with_profile)
    with Image.open(tmp_path / f"lr{suffix}") as stored:
        decoded = np.asarray(stored)
    enlarge(BASE, tmp_path / f"lr{suffix}", tmp_path / "sr.png")
    sr = samples_of(tmp_path / "sr.png")
    assert worst_patch(by_littlecms(decoded, profile, "CMYK"), sr, 4) <= 1


def srgb_of_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """L, a and b under D50 (Photoshop TIFF Technical Notes) to sRGB in [0, 1]: CIE 15, Bradford, IEC 61966-2-1."""
    fy = (lab[..., 0] + 16) / 116
    cubes = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=2)
    d50, d65 = np.array([0.9642, 1, 0.8249]), np.array([0.3127 / 0.329, 1, 0.3583 / 0.329])
    relative = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * d50
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapted = np.linalg.inv(cone) @ np.diag((cone @ d65) / (cone @ d50)) @ cone
    light = relative @ adapted.T @ np.linalg.inv(matrix(PRIMARIES["sRGB"])).T
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055).clip(0, 1)


def test_lab_of_16_bits_becomes_srgb_by_arithmetic(tmp_path: Path) -> None:
    lightness = np.array([[5, 20, 40, 60, 80, 95], [50, 50, 50, 50, 50, 50]], float)
    a = np.array([[0, 5, -10, 15, 0, 0], [40, -30, 0, 0, 20, 0]], float)
    b = np.array([[0, -5, 10, 0, 30, 0], [0, 0, 40, -35, 20, 0]], float)
    grid = np.stack([lightness / 100 * 65_535, a * 256, b * 256], axis=2).round().astype(np.int64)
    stored = (grid % 65_536).astype(np.uint16).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    tifffile.imwrite(tmp_path / "lr.tif", stored, photometric="cielab")
    enlarge(BASE, tmp_path / "lr.tif", tmp_path / "sr.png")
    sr = samples_of(tmp_path / "sr.png")
    coded = srgb_of_lab(np.stack([lightness, a, b], axis=2))
    expected = np.floor(coded * 65_535 + 0.5).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    assert worst_patch(expected, sr, 4) <= 4


def test_every_way_of_storing_lab_is_the_srgb_of_littlecms(tmp_path: Path) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    rgb[0] = np.arange(30, dtype=np.uint8)[:, None] * 8
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    exactly = {"flags": ImageCms.Flags.NOOPTIMIZE, "renderingIntent": ImageCms.Intent.RELATIVE_COLORIMETRIC}
    there = ImageCms.buildTransform(srgb, lab, "RGB", "LAB", **exactly)
    back = ImageCms.buildTransform(lab, srgb, "LAB", "RGB", **exactly)
    picture = ImageCms.applyTransform(Image.fromarray(rgb), there)
    assert picture is not None
    expected = np.asarray(ImageCms.applyTransform(picture, back)).astype(float)
    signed = np.asarray(picture)
    offset = signed ^ np.array([0, 128, 128], np.uint8)
    numbers = np.dstack([signed[..., 0] * (100 / 255), offset[..., 1:] - 128.0])
    wide = np.array([257, 256, 256], np.uint16)
    clear = np.full((20, 30), 77, np.uint8)
    picture.save(tmp_path / "pillow.tif")
    stored: dict[str, tuple[NDArray[Any], str]] = {
        "8": (signed, "cielab"),
        "8 alpha": (np.dstack([signed, clear]), "cielab"),
        "8 icc": (offset, "icclab"),
        "8 icc alpha": (np.dstack([offset, clear]), "icclab"),
        "16": (signed * wide, "cielab"),
        "16 alpha": (np.dstack([signed * wide, clear * np.uint16(257)]), "cielab"),
        "16 icc": (np.round(numbers * (652.8, 256, 256) + (0, 32_768, 32_768)).astype(np.uint16), "icclab"),
        "float": (numbers.astype(np.float32), "cielab"),
    }
    for name, (samples, photometric) in stored.items():
        extra = {"extrasamples": ["unassalpha"]} if samples.shape[2] == 4 else {}
        order, big = (">", True) if "icc" in name else ("<", False)
        place = tmp_path / f"{name}.tif"
        tifffile.imwrite(place, samples, photometric=photometric, byteorder=order, bigtiff=big, **extra)
    for name in ("pillow", *stored):
        made = read(tmp_path / f"{name}.tif")
        white = float(np.iinfo(made.pixels.dtype).max)
        assert white == (255 if "8" in name or name == "pillow" else 65_535)
        levels = made.pixels * (255 / white)
        assert np.abs(levels - expected).max() <= 1, name
        # Own arithmetic is no rounded number, so that half a level more is rounding's.
        assert np.abs(levels - srgb_of_lab(numbers) * 255).max() < 1, name
        assert np.ptp(levels[0], axis=1).max() < 0.01, name
        assert (made.alpha is not None) == ("alpha" in name)
        assert made.alpha is None or (made.alpha == round(77 / 255 * white)).all()


def test_palettes_and_their_alpha(tmp_path: Path) -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(2, 6).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    colours = np.random.default_rng(8).integers(0, 256, (12, 3), np.uint8)
    opacity = bytes([0, 255, 128, 255, 7, 255, 255, 200, 0, 255, 255, 64])
    picture = Image.fromarray(grid, "P")
    picture.putpalette(colours.tobytes())
    for name, extra in (("plain", {}), ("clear", {"transparency": opacity})):
        picture.save(tmp_path / f"{name}.png", **extra)
        enlarge(BASE, tmp_path / f"{name}.png", tmp_path / f"sr {name}.png")
        with Image.open(tmp_path / f"{name}.png") as stored:
            lr = np.asarray(stored.convert("RGBA" if extra else "RGB"))
        sr = samples_of(tmp_path / f"sr {name}.png")
        # Colours under what is clear are seen by nobody; all around they are the file's.
        assert worst_patch(lr, sr, 4) <= 1


def test_alpha_as_pillow_reads_it(tmp_path: Path) -> None:
    lr = np.dstack([patches(3, "uint8"), patches(1, "uint8")])
    Image.fromarray(lr).save(tmp_path / "lr.tif")
    for output in ("sr.png", "sr.tif", "sr.webp"):
        enlarge(BASE, tmp_path / "lr.tif", tmp_path / output, lossless=True)
        with Image.open(tmp_path / output) as made:
            assert worst_patch(lr, np.asarray(made.convert("RGBA")), 4) <= 1
