"""Round trips through every format, what travels with the pixels, and every message about a file."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from upres.errors import FailedError, PictureError
from upres.image import (
    Picture,
    check_writable,
    exif,
    from_unit,
    picture_files,
    read,
    read_header,
    to_unit,
    write,
)

RNG = np.random.default_rng(7)
HEIGHT, WIDTH = 11, 17
LOSSLESS = (".png", ".tif", ".webp")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" tiff:ImageWidth="9" '
    b'exif:PixelYDimension="9" tiff:XResolution="720000/10000"><tiff:ResolutionUnit>3</tiff:ResolutionUnit>'
    b"<tiff:YResolution>72/1</tiff:YResolution></rdf:Description></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x00\x00\x02\x00\x04\x1c\x02\x05\x00\x05Title"


def profile(space):
    made = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb")
    rgb = made.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    # libvips ships no gray profile; the signature is what decides where a profile may go.
    return rgb if space == "RGB " else rgb[:16] + b"GRAY" + rgb[20:]


def picture(dtype=np.uint8, channels=3, alpha=False, height=HEIGHT, width=WIDTH, **rest):
    samples = from_unit(RNG.random((height, width, channels + 1)), dtype)
    return Picture(samples[..., :channels].copy(), samples[..., -1].copy() if alpha else None, **rest)


def vips_image(samples, space="srgb"):
    return pyvips.Image.new_from_array(samples).copy(interpretation=space)


def exif_block(tmp_path, orientation=1):
    """An EXIF block as a camera would have it, made by libvips."""
    image = vips_image(np.zeros((6, 8, 3), np.uint8)).copy()
    for name, value in {
        "exif-ifd0-Make": "Camera Works (Camera Works, ASCII, 13 components, 13 bytes)",
        "exif-ifd0-ImageWidth": "8 (8, Long, 1 components, 4 bytes)",
        "exif-ifd2-ISOSpeedRatings": "400 (400, Short, 1 components, 2 bytes)",
        "exif-ifd2-ExposureTime": "1/125 (1/125 sec., Rational, 1 components, 8 bytes)",
        "exif-ifd3-GPSLatitudeRef": "N (N, ASCII, 2 components, 2 bytes)",
    }.items():
        image.set_type(pyvips.GValue.gstr_type, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.jpegsave(str(tmp_path / "exif.jpg"))
    return pyvips.Image.jpegload(str(tmp_path / "exif.jpg"), revalidate=True).get("exif-data")


def exif_tags(block):
    """What libvips (libexif) reads in a block: an oracle for ours."""
    image = vips_image(np.zeros((6, 8, 3), np.uint8)).copy()
    image.set_type(pyvips.GValue.blob_type, "exif-data", b"Exif\0\0" + block.removeprefix(b"Exif\0\0"))
    loaded = pyvips.Image.pngload_buffer(image.pngsave_buffer())
    names = [name for name in loaded.get_fields() if name.startswith("exif-ifd")]
    return {name: loaded.get(name).partition(" (")[0] for name in names}


def failure(call, *arguments, kind=PictureError, **options):
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- pixels -----------------------------------------------------------------------------------------------


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
    vips_image(before.pixels).colourspace("lab").tiffsave(str(tmp_path / "l.tif"))
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


# --- what travels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_metadata_travels(tmp_path, suffix):
    blobs = {"exif": exif_block(tmp_path), "xmp": XMP, "iptc": IPTC}
    write(picture(metadata=blobs, resolution=(10.0, 12.0)), tmp_path / f"p{suffix}")
    after = read(tmp_path / f"p{suffix}")
    tags = exif_tags(after.metadata["exif"])
    assert tags["exif-ifd0-Make"] == "Camera Works"
    assert tags["exif-ifd2-ISOSpeedRatings"] == "400"
    assert tags["exif-ifd2-ExposureTime"] == "1/125"
    assert tags["exif-ifd3-GPSLatitudeRef"] == "N"
    assert b'tiff:ImageWidth="17"' in after.metadata["xmp"]
    assert b'exif:PixelYDimension="11"' in after.metadata["xmp"]
    assert b'tiff:Orientation="1"' in after.metadata["xmp"]
    assert b'tiff:XResolution="254/1"' in after.metadata["xmp"]
    assert b"<tiff:YResolution>1524/5</tiff:YResolution>" in after.metadata["xmp"]
    assert b"<tiff:ResolutionUnit>2<" in after.metadata["xmp"]
    # PNG and WebP have no place for IPTC.
    assert after.metadata.get("iptc") == (IPTC if suffix in (".jpg", ".tif") else None)
    assert after.resolution == pytest.approx((10, 12), rel=1e-4)


def test_nothing_is_made_up(tmp_path):
    write(picture(), tmp_path / "p.png")
    assert read(tmp_path / "p.png").metadata == {}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_sizes_are_those_of_the_new_picture(tmp_path, suffix):
    blobs = {"exif": exif_block(tmp_path, orientation=6)}
    write(picture(height=40, width=60, metadata=blobs), tmp_path / f"p{suffix}")
    tags = exif_tags(read(tmp_path / f"p{suffix}").metadata["exif"])
    assert tags["exif-ifd0-ImageWidth"] == "60"
    assert tags["exif-ifd0-Orientation"] in ("1", "Top-left")
    stored = pyvips.Image.new_from_file(str(tmp_path / f"p{suffix}"))
    assert stored.get("exif-ifd2-PixelXDimension").startswith("60 ")
    assert stored.get("exif-ifd2-PixelYDimension").startswith("40 ")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_orientation_is_applied_exactly_once(tmp_path, orientation, suffix):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = (255, 0, 0)
    upright[:16, 24:] = (0, 255, 0)
    upright[16:, :24] = (0, 0, 255)
    # How each tag's camera lay (Exif 2.32, table 6): `stored` is what turning must undo.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    image = vips_image(np.ascontiguousarray(stored)).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.write_to_file(str(tmp_path / f"in{suffix}"))
    header = read_header(tmp_path / f"in{suffix}")
    assert (header.width, header.height, header.orientation) == (48, 32, orientation)
    once = read(tmp_path / f"in{suffix}")
    write(once, tmp_path / "again.tif")
    twice = read(tmp_path / "again.tif")
    assert read_header(tmp_path / "again.tif").orientation == 1
    for got in (once, twice):
        assert np.abs(got.pixels[4:-4, 4:-4].astype(int) - upright[4:-4, 4:-4])[:8, :12].max() < 12
        assert np.array_equal(got.pixels[4, 4] > 128, [True, False, False])
        assert np.array_equal(got.pixels[4, -4] > 128, [False, True, False])
        assert np.array_equal(got.pixels[-4, 4] > 128, [False, False, True])


def test_exif_of_a_big_endian_camera(tmp_path):
    """Made by hand, from the specification: Motorola order, one inline and one outlying value."""
    block = (
        b"MM\0*\0\0\0\x08" + b"\0\x02"
        b"\x01\x0f\0\x02\0\0\0\x07\0\0\0\x26" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0" + b"Motoro\0"
    )
    write(picture(metadata={"exif": block}), tmp_path / "p.tif")
    tags = exif_tags(read(tmp_path / "p.tif").metadata["exif"])
    assert tags["exif-ifd0-Make"] == "Motoro"
    assert read_header(tmp_path / "p.tif").orientation == 1


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"junk" * 9])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_damaged_exif_does_not_cost_the_picture(tmp_path, block, suffix):
    before = picture(metadata={"exif": block} if block else {})
    write(before, tmp_path / f"p{suffix}", lossless=suffix != ".jpg")
    assert read(tmp_path / f"p{suffix}").pixels.shape == before.pixels.shape


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_exif_block_can_break_the_reader(data):
    """A real block with bytes overwritten anywhere: whatever comes back is a block or nothing."""
    block = bytearray(
        b"II*\0\x08\0\0\0\x03\0"
        b"\x0f\x01\x02\0\x07\0\0\0\x32\0\0\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
        b"\x69\x87\x04\0\x01\0\0\0\x3a\0\0\0" + b"\0\0\0\0" + b"Motoro\0\0"
        b"\x01\0" + b"\x02\xa0\x04\0\x01\0\0\0\x08\0\0\0" + b"\0\0\0\0"
    )
    for _ in range(data.draw(st.integers(0, 6))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(block[: data.draw(st.integers(0, len(block)))])
    turned = exif.upright(cut, 5, 7, (3.0, 4.0))
    assert turned is None or exif.resolution(turned) == pytest.approx((3, 4), rel=1e-4)
    exif.resolution(cut)
    exif.tiff_extras(io.BytesIO(cut))


def test_bigtiff_takes_exif_too(tmp_path):
    before = picture()
    vips_image(before.pixels).tiffsave(str(tmp_path / "b.tif"), bigtiff=True)
    with (tmp_path / "b.tif").open("r+b") as file:
        assert file.read(4) == b"II+\0"
        exif.add_to_tiff(file, exif_block(tmp_path), IPTC)
    after = read(tmp_path / "b.tif")
    assert np.array_equal(after.pixels, before.pixels)
    assert after.metadata["iptc"] == IPTC
    assert exif_tags(after.metadata["exif"])["exif-ifd3-GPSLatitudeRef"] == "N"


# --- bad files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_file_is_an_error_and_silent(tmp_path, suffix, share, capfd):
    path = tmp_path / f"p{suffix}"
    write(picture(height=80, width=90), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    message = failure(read, path)
    name = {".png": "PNG", ".jpg": "JPEG", ".webp": "WebP", ".tif": "TIFF"}[suffix]
    assert message.startswith(f"{path}: the {name} data is damaged or cut short")
    assert message.endswith("; get a whole copy of it")
    assert capfd.readouterr() == ("", "")


def test_a_corrupt_jpeg_is_an_error_and_never_wrong_pixels(tmp_path):
    """A marker amid scan data, after which all is gray; libvips' own `fail_on="error"` lets it pass."""
    path = tmp_path / "p.jpg"
    write(picture(height=200, width=200), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2] = b"\xff\xd0"
    path.write_bytes(data)
    pyvips.Image.jpegload(str(path), fail_on="error").numpy()
    assert failure(read, path).startswith(f"{path}: the JPEG data is damaged or cut short (VipsJpeg: Corrupt JPEG")


def test_a_jpeg_with_an_odd_marker_is_read(tmp_path):
    """A progression that a baseline scan should not name: libjpeg warns and decodes every pixel."""
    path = tmp_path / "p.jpg"
    before = picture()
    write(before, path)
    clean = read(path)
    data = bytearray(path.read_bytes())
    scan = data.index(b"\xff\xda")
    last_of_spectral_selection = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big") - 2
    assert data[last_of_spectral_selection] == 63
    data[last_of_spectral_selection] = 62
    path.write_bytes(data)
    assert np.array_equal(read(path).pixels, clean.pixels)
    with pytest.raises(pyvips.Error):
        pyvips.Image.jpegload(str(path), fail_on="warning", revalidate=True).numpy()


def test_a_corrupt_png_is_an_error(tmp_path):
    path = tmp_path / "p.png"
    write(picture(height=90, width=90), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert "the PNG data is damaged" in failure(read, path)


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.png"
    assert failure(read, path) == f"{path}: no such file; check the name and the folder"


def test_a_folder_is_not_a_picture(tmp_path):
    assert failure(read, tmp_path) == f"{tmp_path}: is a folder; give a picture file"


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    assert failure(read, path) == f"{path}: the file is empty (0 bytes); get a whole copy of it"


@pytest.mark.parametrize(("content", "what"), [(b"hello, world", "not a picture"), (b"%PDF-1.7", "a PDF file")])
def test_something_else_named_png(tmp_path, content, what):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    assert failure(read, path) == (
        f"{path}: {what}; upres reads PNG, JPEG, WebP, TIFF, AVIF, HEIF, JPEG XL, GIF, BMP, PPM, "
        "so convert it to one of them"
    )


def test_too_many_pixels_is_known_from_the_header(tmp_path):
    path = tmp_path / "p.png"
    write(picture(height=100, width=100), path)
    path.write_bytes(path.read_bytes()[:200])  # the pixels are gone, and nobody notices
    assert failure(read, path, max_pixels=9_999) == (
        f"{path}: 100×100 is 10,000 pixels, more than the 9,999 allowed; reduce it, or raise max_pixels (--max-pixels)"
    )


def test_five_channels(tmp_path):
    path = tmp_path / "photo.tif"
    vips_image(np.zeros((4, 4, 5), np.uint8)).tiffsave(str(path))
    expected = (
        f"{path}: 5 channels; upres takes 1 to 4 (gray or RGB, with or without alpha). "
        f"Keep three with: vips extract_band {path} rgb.tif 0 --n 3"
    )
    assert failure(read, path) == expected
    assert failure(read_header, path) == expected


def test_samples_that_no_picture_has(tmp_path):
    path = tmp_path / "counts.tif"
    pyvips.Image.black(4, 4).cast("int").tiffsave(str(path))
    assert failure(read, path) == (f"{path}: samples are int; upres takes 8- and 16-bit unsigned and float; convert it")
    for bad in (np.nan, np.inf):
        vips_image(np.full((4, 4, 1), bad, np.float32), "b-w").tiffsave(str(path))
        assert failure(read, path) == (
            f"{path}: holds NaN or infinite numbers, which have no enlargement; fill them in, then try again"
        )


@pytest.mark.parametrize(("low", "high"), [(-3.0, 0.5), (0.25, 40.0), (-1.0, 900.0)])
def test_floats_beyond_0_to_1_are_neither_clipped_nor_refused(tmp_path, low, high):
    numbers = np.linspace(low, high, 60, dtype=np.float32).reshape(4, 5, 3)
    vips_image(numbers, "scrgb").tiffsave(str(tmp_path / "heights.tif"))
    before = read(tmp_path / "heights.tif")
    assert before.span == (min(0, low), max(1, high))
    write(before, tmp_path / "again.tif")
    stored = pyvips.Image.tiffload(str(tmp_path / "again.tif")).numpy()
    np.testing.assert_allclose(stored, numbers, atol=(high - low) * 1e-6)  # two roundings to float32
    message = failure(write, before, tmp_path / "p.png")
    assert message.endswith(f"goes from {before.span[0]:g} to {before.span[1]:g}, and PNG ends at 0 and 1; write .tif")


# --- what a format cannot hold ----------------------------------------------------------------------------


def test_alpha_into_jpeg(tmp_path):
    path = tmp_path / "p.jpg"
    clear = picture(alpha=True)
    assert failure(write, clear, path) == (
        f"{path}: the picture has transparency and JPEG holds none; "
        "write .png or .webp or .tif, or lay it on a colour with --background white"
    )
    opaque = dataclasses.replace(clear, alpha=np.full_like(clear.alpha, 255))
    write(opaque, path)
    assert read(path).alpha is None


@pytest.mark.parametrize(
    ("name", "shape", "rule"),
    [
        ("p.jpg", (1, 65_536), "65536×1 does not fit JPEG, whose sides end at 65,535; write .png or .tif"),
        ("p.webp", (16_384, 1), "1×16384 does not fit WebP, whose sides end at 16,383; write .png or .tif"),
        ("p.jpg", (16_384, 65_536), "65536×16384 does not fit JPEG, whose sides end at 65,535; write .png or .tif"),
    ],
)
def test_a_side_too_long(tmp_path, name, shape, rule):
    path = tmp_path / name
    assert failure(check_writable, path, height=shape[0], width=shape[1]) == f"{path}: {rule}"
    if min(shape) == 1:
        assert failure(write, Picture(np.zeros((*shape, 1), np.uint8)), path) == f"{path}: {rule}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("p.jpgg", {}, "upres writes no .jpgg files; did you mean .jpg? Known: .jpg, .jpeg, .png, "),
        ("p", {}, "the name has no suffix to say the format; Known: .apng, .avif, "),
        ("none/p.png", {}, "create it first"),
        ("p.jpg", {"lossless": True}, "JPEG is never lossless; write .png or .webp or .tif"),
        ("p.jpg", {"quality": 101}, "quality = 101: should be from 1 to 100"),
        ("folder.png", {}, "is a folder; give the name of a file in it"),
    ],
)
def test_a_place_or_a_way_that_cannot_be(tmp_path, name, options, rule):
    (tmp_path / "folder.png").mkdir()
    message = failure(write, picture(), tmp_path / name, **options)
    assert message.startswith(f"{tmp_path / name}: ")
    assert rule in message
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_failed_encoding_leaves_nothing_new_and_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.tif"
    old = picture()
    write(old, path)

    def full(file, *_, **__):
        file.write(b"half a fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("upres.image.exif.add_to_tiff", full)
    message = failure(write, picture(), path, kind=FailedError)
    assert message == f"{path}: could not be written (No space left on device); nothing was left behind"
    assert [found.name for found in tmp_path.iterdir()] == ["p.tif"]
    assert np.array_equal(read(path).pixels, old.pixels)


def test_libvips_failing_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise pyvips.Error("unable to call pngsave", "pngsave: broken\nvips2png: too")

    monkeypatch.setattr(pyvips.Image, "pngsave", refuse, raising=False)
    message = failure(write, picture(), tmp_path / "p.png", kind=FailedError)
    assert "could not be written" in message
    assert list(tmp_path.iterdir()) == []


# --- the value --------------------------------------------------------------------------------------------


def test_a_picture_knows_itself():
    one = picture(np.uint16, 1)
    assert (one.height, one.width, one.depth, one.gray) == (HEIGHT, WIDTH, 16, True)
    assert picture(np.float32).depth == 32
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.alpha = None


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
