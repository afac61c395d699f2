"""EXIF, XMP, IPTC and orientation travel with the picture, and no damaged block costs it."""

import io

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_pictures import picture, vips_image
from upres.image import read, read_header, write
from upres.image.metadata import exif, tiff

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" tiff:ImageWidth="9" '
    b'exif:PixelYDimension="9" tiff:XResolution="720000/10000"><tiff:ResolutionUnit>3</tiff:ResolutionUnit>'
    b"<tiff:YResolution>72/1</tiff:YResolution></rdf:Description></x:xmpmeta>"
)


IPTC = b"\x1c\x02\x00\x00\x02\x00\x04\x1c\x02\x05\x00\x05Title"


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
    tiff.extras(io.BytesIO(cut))


def test_bigtiff_takes_exif_too(tmp_path):
    before = picture()
    vips_image(before.pixels).tiffsave(str(tmp_path / "b.tif"), bigtiff=True)
    with (tmp_path / "b.tif").open("r+b") as file:
        assert file.read(4) == b"II+\0"
        tiff.add_tags(file, exif_block(tmp_path), IPTC)
    after = read(tmp_path / "b.tif")
    assert np.array_equal(after.pixels, before.pixels)
    assert after.metadata["iptc"] == IPTC
    assert exif_tags(after.metadata["exif"])["exif-ifd3-GPSLatitudeRef"] == "N"
