"""Files: what is written is read again, in every format, depth and colour."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import pyvips

from tests.small_pictures import HEIGHT, LOSSLESS, RNG, WIDTH, failure, picture, profile, vips_image
from upres.image import Picture, from_unit, picture_files, read, read_header, to_unit, write


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("with_profile", [False, True])
def test_lossless_round_trip(tmp_path, suffix, dtype, channels, alpha, with_profile):
    icc = profile("RGB " if channels == 3 else "GRAY") if with_profile else None
    before = picture(dtype, channels, alpha, profile=icc)
    write(before, tmp_path / f"p{suffix}", lossless=True)
    after = read(tmp_path / f"p{suffix}")
    deepest = {".png": np.uint16, ".webp": np.uint8, ".tif": np.float32}[suffix]
    stored = dtype if np.dtype(dtype).itemsize <= np.dtype(deepest).itemsize else deepest
    expected = before.pixels if stored == dtype else from_unit(to_unit(before.pixels), stored)
    if suffix == ".webp":  # which holds gray as three equal channels
        expected = np.broadcast_to(expected, (HEIGHT, WIDTH, 3))
    assert after.pixels.dtype == stored
    assert np.array_equal(after.pixels, expected)
    assert (after.alpha is not None) == alpha
    if before.alpha is not None:
        assert np.array_equal(after.alpha, from_unit(to_unit(before.alpha), stored))
    if not (suffix == ".webp" and channels == 1):
        assert after.profile == icc


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_round_trip(tmp_path, suffix, dtype, channels):
    smooth = np.linspace(0.1, 0.9, 32 * 48 * channels).reshape(32, 48, channels)
    write(Picture(from_unit(smooth, dtype)), tmp_path / f"p{suffix}")
    after = read(tmp_path / f"p{suffix}")
    assert after.depth == 8
    assert np.abs(to_unit(after.pixels) - smooth).max() < 0.03


def test_16_bits_are_rounded_and_not_cut_to_8(tmp_path):
    levels = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64, 1)
    write(Picture(levels), tmp_path / "p.webp", lossless=True)
    assert np.array_equal(read(tmp_path / "p.webp").pixels[..., 0], (levels[..., 0].astype(int) + 128) // 257)


def test_jpeg_keeps_full_colour_resolution(tmp_path):
    write(picture(), tmp_path / "p.jpg")
    assert pyvips.Image.jpegload(str(tmp_path / "p.jpg")).get("jpeg-chroma-subsample") == "4:4:4"


def test_quality_is_obeyed(tmp_path):
    large = picture(height=64, width=64)
    sizes = []
    for quality in (30, 95):
        write(large, tmp_path / "p.jpg", quality=quality)
        sizes.append((tmp_path / "p.jpg").stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_a_rewritten_file_is_read_anew(tmp_path):
    """libvips remembers files by name."""
    for _ in range(2):
        now = picture()
        write(now, tmp_path / "p.png")
        assert np.array_equal(read(tmp_path / "p.png").pixels, now.pixels)


@pytest.mark.parametrize("name", ["one.tif", "one.png", "white.tif"])
def test_1_bit_expands(tmp_path, name):
    samples = (RNG.random((16, 24, 1)) > 0.5).astype(np.uint8) * 255
    image = vips_image(samples, "b-w")
    if name.endswith("png"):
        image.pngsave(str(tmp_path / name), bitdepth=1)
    else:
        image.tiffsave(str(tmp_path / name), bitdepth=1, miniswhite=name.startswith("white"))
    assert np.array_equal(read(tmp_path / name).pixels, samples)


def test_a_palette_expands(tmp_path):
    samples = np.repeat(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), 8, 0)
    vips_image(samples).pngsave(str(tmp_path / "p.png"), palette=True)
    assert (tmp_path / "p.png").read_bytes()[25] == 3, "the colour type of a palette"
    assert np.abs(read(tmp_path / "p.png").pixels.astype(int) - samples).max() <= 2


@pytest.mark.parametrize("name", ["c.jpg", "c.tif"])
def test_cmyk_becomes_srgb(tmp_path, name):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:, 4:, 3] = 255
    vips_image(inks, "cmyk").write_to_file(str(tmp_path / name))
    assert read_header(tmp_path / name).space == "cmyk"
    after = read(tmp_path / name)
    assert after.pixels.shape == (8, 8, 3)
    assert after.profile is None
    assert after.pixels[:, :3].min() > 245, "no ink is paper"
    assert after.pixels[:, 5:].max() < 60, "black ink is black"


def test_lab_becomes_srgb(tmp_path):
    before = picture()
    # Under D50, as TIFF has it; libvips' own Lab, which it writes without saying so, is under D65.
    vips_image(before.pixels).icc_import(input_profile="srgb", pcs="lab").tiffsave(str(tmp_path / "l.tif"))
    assert np.abs(to_unit(read(tmp_path / "l.tif").pixels) - to_unit(before.pixels)).max() < 1.5 / 255


def test_premultiplied_colours_are_divided_again(tmp_path):
    samples = np.full((8, 8, 4), 200, np.uint8)
    samples[..., 3] = 100
    vips_image(samples).tiffsave(str(tmp_path / "p.tif"), premultiply=True)
    after = read(tmp_path / "p.tif")
    assert (after.alpha == 100).all()
    assert np.abs(after.pixels.astype(int) - 200).max() <= 2, "what 8 bits leave of 200 × 100/255"


def test_a_gray_file_with_an_rgb_profile_is_read_without_it(tmp_path):
    gray = vips_image(picture(channels=1).pixels, "b-w")
    gray.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile("RGB "))
    gray.webpsave(str(tmp_path / "g.webp"), lossless=True)
    gray.tiffsave(str(tmp_path / "g.tif"))
    assert read(tmp_path / "g.tif").profile is None


@pytest.mark.parametrize("name", ["photo[1].png", "фото 写真.png", "a:b,c=d.tif"])
def test_any_name_is_a_name(tmp_path, name):
    before = picture()
    write(before, tmp_path / name)
    assert np.array_equal(read(tmp_path / name).pixels, before.pixels)


def test_a_picture_knows_itself():
    one = picture(np.uint16, 1)
    assert (one.height, one.width, one.depth, one.gray) == (HEIGHT, WIDTH, 16, True)
    assert picture(np.float32).depth == 32
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.alpha = None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"pixels": np.zeros((4, 4), np.uint8)}, "pixels have shape (4, 4); a picture is h w c"),
        ({"pixels": np.zeros((4, 4, 2), np.uint8)}, "pixels have shape (4, 4, 2)"),
        ({"pixels": np.zeros((4, 0, 3), np.uint8)}, "pixels have shape (4, 0, 3)"),
        ({"pixels": np.zeros((4, 4, 3))}, "pixels are float64; a picture is uint8, uint16, or float32"),
        ({"pixels": np.full((4, 4, 3), 1.5, np.float32)}, "pixels go from 1.5 to 1.5"),
        ({"pixels": np.full((4, 4, 3), np.nan, np.float32)}, "pixels go from nan to nan"),
        ({"alpha": np.zeros((4, 4, 1), np.uint8)}, "alpha is uint8 (4, 4, 1); should be uint8 (4, 4) like the pixels"),
        ({"profile": b"short"}, "profile is damaged or not for RGB pixels"),
        ({"metadata": {"comment": b""}}, "metadata of kind 'comment'; a picture carries exif, iptc, xmp"),
    ],
)
def test_what_is_not_a_picture(values, rule):
    message = failure(Picture, **({"pixels": np.zeros((4, 4, 3), np.uint8)} | values))
    assert message.startswith(rule)


def test_picture_files(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt", ".hidden.png", "sub/d.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in picture_files(tmp_path)] == ["a.JPG", "b.png"]
    assert [path.name for path in picture_files(tmp_path, recursive=True)] == ["a.JPG", "b.png", "d.webp"]
    assert failure(picture_files, tmp_path / "none") == (
        f"{tmp_path / 'none'}: no such folder; give a folder of pictures"
    )
    assert "a file, not a folder" in failure(picture_files, tmp_path / "b.png")


def test_libvips_waits_until_it_is_needed():
    code = "import sys, upres, upres.image, upres.metrics; print('pyvips' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
