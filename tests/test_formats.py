"""The formats beyond the first four: what they keep, what they say when they cannot, and that nothing is made up."""

import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image import Picture, read, read_header, write
from upres.image.codecs import vips
from upres.image.codecs.table import FORMATS, recognised
from upres.image.metadata import exif

RNG = np.random.default_rng(3)


def smooth(height: int = 24, width: int = 31, channels: int = 3, dtype: str = "uint8") -> NDArray[np.generic]:
    """A picture that lossy formats keep well: one slope a channel."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x / width + y / height) / 2, x / width, y / height][:channels]
    return (np.dstack(planes) * np.iinfo(dtype).max).astype(dtype)


def noise(*shape: int, dtype: str = "uint8") -> NDArray[np.generic]:
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def message(path: Path, **options: int) -> str:
    with pytest.raises(PictureError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- pixels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".ppm", ".bmp", ".avif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_round_trip(tmp_path: Path, suffix: str, dtype: str, channels: int) -> None:
    pixels = noise(13, 19, channels, dtype=dtype)
    write(Picture(pixels), tmp_path / f"p{suffix}", lossless=True)
    after = read(tmp_path / f"p{suffix}").pixels
    if dtype == "uint8" or suffix == ".ppm":
        assert after.dtype == dtype
        assert np.array_equal(after, np.broadcast_to(pixels, after.shape))
    elif suffix == ".bmp":
        assert np.array_equal(after, (pixels.astype(int) + 128) // 257)
    else:
        assert after.dtype == np.uint16
        assert np.abs(after.astype(int) - pixels).max() <= 9, "half a level of 12 bits, and a rounding to 16"
        assert after.max() == pixels.max() or pixels.max() < 65_535
    assert after.shape[2] == (3 if suffix == ".avif" else channels)


def test_white_is_white_in_12_bits(tmp_path: Path) -> None:
    write(Picture(np.array([[[0], [65_535]]], np.uint16)), tmp_path / "p.avif", lossless=True)
    assert read(tmp_path / "p.avif").pixels[0, :, 0].tolist() == [0, 65_535]


def test_avif_keeps_alpha_profile_exif_and_xmp(tmp_path: Path) -> None:
    rgba = noise(16, 16, 4)
    made = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb")
    profile = made.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    metadata = {"exif": tagged(Make=b"Motoro\0"), "xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'}
    write(Picture(rgba[..., :3], rgba[..., 3], profile, metadata), tmp_path / "p.avif", lossless=True)
    after = read(tmp_path / "p.avif")
    assert np.array_equal(after.alpha, rgba[..., 3])
    assert after.profile == profile
    assert set(after.metadata) == {"exif", "xmp"}
    write(Picture(smooth()), tmp_path / "q.avif")
    assert np.abs(read(tmp_path / "q.avif").pixels.astype(int) - smooth()).max() <= 8


def test_gif_keeps_colours_it_has_room_for_and_alpha_as_yes_or_no(tmp_path: Path) -> None:
    pixels = np.zeros((12, 12, 3), np.uint8)
    pixels[:, 4:8], pixels[:, 8:] = (255, 0, 0), (0, 0, 255)
    alpha = np.full((12, 12), 255, np.uint8)
    alpha[6:] = 0
    write(Picture(pixels, alpha), tmp_path / "p.gif")
    after = read(tmp_path / "p.gif")
    assert np.array_equal(after.pixels[:6], pixels[:6])
    assert np.array_equal(after.alpha, alpha)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"P1\n# black and white\n3 2\n1 0 1\n010", [[0, 255, 0], [255, 0, 255]]),
        (b"P4 3 2\n\xa0\x40", [[0, 255, 0], [255, 0, 255]]),
        (b"P2 3 1 15\n0 15 # white\n 5", [[0, 255, 85]]),
        (b"P5 3 1 15\n\x00\x0f\x05", [[0, 255, 85]]),
        (b"P5\n3 1\n1023\n\x00\x00\x03\xff\x01\xff", [[0, 65_535, 32_735]]),
    ],
)
def test_every_kind_of_netpbm(tmp_path: Path, content: bytes, expected: list[list[int]]) -> None:
    (tmp_path / "p.pgm").write_bytes(content)
    after = read(tmp_path / "p.pgm").pixels
    assert after[..., 0].tolist() == expected
    assert after.dtype == (np.uint16 if max(expected[0]) > 255 else np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp_as_another_program_writes_it(tmp_path: Path, mode: str) -> None:
    image_type = pytest.importorskip("PIL.Image")
    picture = image_type.fromarray(noise(9, 13, 3)).convert(mode)
    picture.save(tmp_path / "p.bmp", dpi=(300, 300))
    after = read(tmp_path / "p.bmp")
    expected = np.asarray(picture.convert("L" if mode in "1L" else "RGB"))
    assert np.array_equal(after.pixels[..., 0] if mode in "1L" else after.pixels, expected)
    assert after.resolution == pytest.approx((300 / 25.4, 300 / 25.4), rel=1e-3)


def test_bmp_is_what_another_program_reads(tmp_path: Path) -> None:
    image_type = pytest.importorskip("PIL.Image")
    for channels, mode in ((1, "L"), (3, "RGB")):
        pixels = noise(200, 13, channels)
        write(Picture(pixels), tmp_path / "p.bmp")
        with image_type.open(tmp_path / "p.bmp") as other:
            assert np.array_equal(np.asarray(other.convert(mode)).reshape(pixels.shape), pixels)
        write(Picture(pixels), tmp_path / "p.ppm")
        with image_type.open(tmp_path / "p.ppm") as other:
            assert np.array_equal(np.asarray(other).reshape(pixels.shape), pixels)


def test_upside_down_and_masked_bmp(tmp_path: Path) -> None:
    head = struct.pack("<2sLHHL", b"BM", 0, 0, 0, 66)
    info = struct.pack("<LllHHLLllLL", 40, 2, -1, 1, 16, 3, 0, 0, 0, 0, 0)
    masks = struct.pack("<LLL", 0xF800, 0x7E0, 0x1F)
    (tmp_path / "p.bmp").write_bytes(head + info + masks + struct.pack("<HH", 0xF800, 0x07FF))
    assert read(tmp_path / "p.bmp").pixels.tolist() == [[[255, 0, 0], [0, 255, 255]]]
    rle = head + struct.pack("<LllHHLLllLL", 40, 2, 1, 1, 8, 1, 0, 0, 0, 0, 0)
    (tmp_path / "r.bmp").write_bytes(rle + bytes(900))
    assert message(tmp_path / "r.bmp").endswith(
        "r.bmp: a BMP that is RLE-compressed; upres reads plain ones, so save it as PNG"
    )


# --- nothing is made up -----------------------------------------------------------------------------------


def tagged(**values: bytes) -> bytes:
    """An EXIF block of texts, and nothing else."""
    tags = {"Make": 0x010F, "Artist": 0x013B}
    body, at = b"", 8 + 2 + 12 * len(values) + 4
    entries = b""
    for name, value in sorted(values.items(), key=lambda item: tags[item[0]]):
        entries += struct.pack("<HHLL", tags[name], 2, len(value), at + len(body))
        body += value
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(values)) + entries + bytes(4) + body


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".gif", ".bmp", ".ppm"])
@pytest.mark.parametrize("with_exif", [False, True])
def test_a_picture_without_a_resolution_gets_none(
    tmp_path: Path, suffix: str, with_exif: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"p{suffix}"
    write(Picture(smooth(), metadata={"exif": tagged(Make=b"Motoro\0")} if with_exif else {}), path)
    after = read(path)
    assert after.resolution is None
    if with_exif and suffix not in (".gif", ".bmp", ".ppm"):
        assert exif.resolution(after.metadata["exif"]) is None
        assert b"Motoro" in after.metadata["exif"]
    else:
        assert after.metadata == {}
    assert capfd.readouterr() == ("", "")
    image_type = pytest.importorskip("PIL.Image")
    with image_type.open(path) as other:
        made_up_by_pillow = suffix == ".bmp" or (suffix == ".jpg" and with_exif)
        assert made_up_by_pillow or other.info.get("dpi", (1, 1))[0] == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".bmp"])
@pytest.mark.parametrize("resolution", [(11.0, 12.0), (72 / 25.4, 72 / 25.4)])
def test_a_resolution_is_kept(tmp_path: Path, suffix: str, resolution: tuple[float, float]) -> None:
    write(Picture(smooth(), resolution=resolution), tmp_path / f"p{suffix}")
    assert read(tmp_path / f"p{suffix}").resolution == pytest.approx(resolution, rel=1e-3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".gif", ".ppm"])
def test_a_silent_file_of_another_program_has_no_resolution(tmp_path: Path, suffix: str) -> None:
    image_type = pytest.importorskip("PIL.Image")
    image_type.fromarray(smooth()).save(tmp_path / f"p{suffix}")
    assert read(tmp_path / f"p{suffix}").resolution is None
    if suffix in (".png", ".jpg"):
        image_type.fromarray(smooth()).save(tmp_path / f"p{suffix}", dpi=(72, 72))
        assert read(tmp_path / f"p{suffix}").resolution == pytest.approx((72 / 25.4, 72 / 25.4), rel=1e-3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
def test_exif_is_the_pictures_own_and_not_libexifs(tmp_path: Path, suffix: str) -> None:
    image_type = pytest.importorskip("PIL.Image")
    write(
        Picture(smooth(), metadata={"exif": tagged(Artist=b"A. Person\0", Make=b"Motoro\0")}), tmp_path / f"p{suffix}"
    )
    with image_type.open(tmp_path / f"p{suffix}") as other:
        assert dict(other.getexif()) == {0x010F: "Motoro", 0x013B: "A. Person"}
    if suffix == ".png":  # the checksum was made again
        pyvips.Image.pngload(str(tmp_path / "p.png"), fail_on="warning").numpy()


def test_cmyk_is_converted_and_said(tmp_path: Path) -> None:
    inks = pyvips.Image.new_from_array(noise(8, 8, 4)).copy(interpretation="cmyk")
    inks.jpegsave(str(tmp_path / "c.jpg"))
    said = "CMYK converted to sRGB through libvips' CMYK profile, as it has none"
    assert read_header(tmp_path / "c.jpg").changes == (said,)
    rgb = pyvips.Image.new_from_array(smooth()).copy(interpretation="srgb")
    rgb.icc_transform("cmyk", input_profile="srgb").tiffsave(str(tmp_path / "c.tif"))
    assert read_header(tmp_path / "c.tif").changes == ("CMYK converted to sRGB through its own profile",)
    # Out and back through the profile: what paper cannot show is lost, gray is not.
    assert np.abs(read(tmp_path / "c.tif").pixels[0, 0].astype(int)).max() < 70


# --- names and bad files ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".gif", ".bmp", ".ppm"])
def test_a_name_that_is_not_utf8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9" + suffix.encode())
    write(Picture(smooth()), path)
    assert read(path).width == 31
    path.write_bytes(path.read_bytes()[:40])
    assert message(path).startswith(f"{path}: the ")


@pytest.mark.parametrize("suffix", [".avif", ".gif", ".bmp", ".ppm"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_a_truncated_file_is_an_error(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"p{suffix}"
    write(Picture(noise(60, 50, 3)), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    name = {".avif": "AVIF", ".gif": "GIF", ".bmp": "BMP", ".ppm": "PPM"}[suffix]
    assert message(path).startswith(f"{path}: the {name} ")
    assert message(path).endswith("; get a whole copy of it")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.ppm", b"P6 3"),
        ("p.ppm", b"P6 x y 255\n"),
        ("p.ppm", b"P6 0 4 255\n"),
        ("p.ppm", b"P2 2 2 255\n1 2 3 x"),
        ("p.bmp", b"BM" + bytes(12) + b"\x28\0\0\0"),
        ("p.bmp", b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(60)),
        ("p.gif", b"GIF89a"),
        ("p.gif", b"GIF89a" + bytes(7) + b"junk"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert message(tmp_path / name).startswith(f"{tmp_path / name}: the ")


@pytest.mark.skipif(vips.has("jxlload"), reason="this libvips reads JPEG XL, as the wheel that pip installs does not")
def test_a_format_that_this_libvips_is_built_without(tmp_path: Path) -> None:
    (tmp_path / "p.jxl").write_bytes(b"\xff\x0a" + bytes(40))
    assert message(tmp_path / "p.jxl") == (
        f"{tmp_path}/p.jxl: a JPEG XL file, and the installed libvips is built without it; convert it to PNG, "
        "or install a libvips that has it (upres formats lists what there is)"
    )
    with pytest.raises(PictureError) as caught:
        write(Picture(smooth()), tmp_path / "q.jxl")
    assert str(caught.value) == (
        f"{tmp_path}/q.jxl: the installed libvips is built without writing JPEG XL; "
        "write .png or .webp or .tif, or install a libvips that has it"
    )


def test_formats_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp", ".tif", ".avif", ".gif", ".bmp", ".ppm"):
        write(Picture(smooth()), tmp_path / f"p{suffix}")
        form = recognised((tmp_path / f"p{suffix}").read_bytes()[:32])
        assert form is not None
        assert suffix in form.suffixes
    assert recognised(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") is FORMATS["heif"]
    assert recognised(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") is FORMATS["avif"]
    assert recognised(b"BMW is a make of cars") is None
    assert recognised(io.BytesIO(b"").read()) is None
