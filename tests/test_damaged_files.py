"""Damaged, empty and odd files: an error in one line, never wrong pixels."""

import numpy as np
import pytest
import pyvips

from tests.small_pictures import failure, picture, vips_image
from upres import DamagedPictureWarning, load, upscale
from upres.errors import PictureError
from upres.image import read, read_header, write
from upres.image.codecs.installation import abilities


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
    with pytest.warns(DamagedPictureWarning, match="the JPEG data is odd"):
        assert np.array_equal(read(path).pixels, clean.pixels)
    with pytest.warns(DamagedPictureWarning, match="the JPEG data is odd"):
        upscale(path, scale=2, model="bicubic")
    upscaler = load("bicubic", scale=2)
    with pytest.warns(DamagedPictureWarning, match="the JPEG data is odd"):
        upscaler.file(path, tmp_path / "large.png")
    assert failure(lambda given: read(given, strict=True), path).startswith(f"{path}: the JPEG data is damaged")
    with pytest.raises(PictureError, match="the JPEG data is damaged"):
        upscaler.file(path, tmp_path / "refused.png", strict=True)
    assert not (tmp_path / "refused.png").exists()
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


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"hello, world", "not a picture; upres reads PNG, JPEG, WebP, TIFF, AVIF, "),
        (b"8BPS", "a Photoshop file; upres reads PNG, JPEG, WebP, TIFF, AVIF, "),
        (b"%PDF-1.7", "a PDF file; make pictures of its pages first: pdftoppm -r 300 -png file.pdf page"),
        (
            b"\0\0\0\x18ftypcrx \0\0\0\1",
            "a camera's raw file; develop it to TIFF first, in a raw converter or the camera",
        ),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file; develop it to TIFF first, in a raw converter or the camera's"),
    ],
)
def test_something_else_named_png(tmp_path, content, what):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    said = failure(read, path)
    assert said.startswith(f"{path}: {what}")
    if "upres reads" in said:
        here = [ability.form.name for ability in abilities() if ability.reads]
        assert said.endswith(f"; upres reads {', '.join(here)}, so convert it to one of them")
        assert {"PNG", "JPEG", "WebP", "TIFF", "GIF", "BMP", "PPM"} <= set(here)


def test_too_many_pixels_is_known_from_the_header(tmp_path):
    path = tmp_path / "p.png"
    write(picture(height=100, width=100), path)
    path.write_bytes(path.read_bytes()[:200])  # the pixels are gone, and nobody notices
    assert failure(read, path, max_pixels=9_999) == (
        f"{path}: 100×100 is 10,000 pixels, more than the 9,999 allowed; reduce it, or raise max_pixels"
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
