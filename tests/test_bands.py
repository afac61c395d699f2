"""Files in bands are the very files and pixels that whole pictures make."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from tests.commands import full_disk
from upres.errors import DamagedPictureWarning, FailedError, PictureError
from upres.image import FileSink, OpenedPicture, Picture, read, write
from upres.image.bands import Shape
from upres.image.codecs.table import WRITTEN


def picture(channels: int, dtype: str, *, height: int = 75, width: int = 53) -> Picture:
    generator = np.random.default_rng(channels)
    smooth = np.add.outer(np.arange(height), np.arange(width))[..., None] / (height + width)
    noise = np.clip(smooth + generator.random((height, width, channels)) / 4, 0, 1)
    samples = noise.astype(dtype) if dtype == "float32" else (noise * np.iinfo(dtype).max).astype(dtype)
    alpha = np.ascontiguousarray(samples[..., -1]) if channels in (2, 4) else None
    colours = samples if alpha is None else np.ascontiguousarray(samples[..., :-1])
    return Picture(colours, alpha, resolution=(11.811, 11.811), metadata={"xmp": b"<x:xmpmeta/>"})


def shape_of(whole: Picture) -> Shape:
    channels = whole.pixels.shape[2] + (whole.alpha is not None)
    return Shape(whole.height, whole.width, channels, whole.pixels.dtype.name)


def rows_of(whole: Picture, rows: int) -> Iterator[NDArray[np.generic]]:
    full = whole.pixels if whole.alpha is None else np.dstack([whole.pixels, whole.alpha])
    return (full[top : top + rows] for top in range(0, whole.height, rows))


@pytest.mark.parametrize("suffix", sorted({form.suffixes[0] for form in WRITTEN.values()}))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_bands_make_the_very_file_that_a_whole_picture_makes(
    tmp_path: Path, suffix: str, dtype: str, channels: int
) -> None:
    whole = picture(channels, dtype)
    if whole.alpha is not None and not WRITTEN[suffix].alpha:
        pytest.skip("this format holds no alpha")
    try:
        write(whole, tmp_path / f"whole{suffix}")
    except PictureError as error:
        pytest.skip(str(error))
    FileSink(tmp_path / f"bands{suffix}").write_bands(rows_of(whole, 20), shape_of(whole), whole.tags)
    assert (tmp_path / f"bands{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()

    again = read(tmp_path / f"whole{suffix}")
    reader = OpenedPicture(tmp_path / f"whole{suffix}", rows=7)
    parts = list(reader.bands())
    assert len(parts) == 11
    full = again.pixels if again.alpha is None else np.dstack([again.pixels, again.alpha])
    np.testing.assert_array_equal(np.concatenate(parts), full)
    assert reader.shape == shape_of(again)
    assert (reader.tags, reader.span) == (again.tags, again.span)


def test_floats_beyond_the_unit_range_keep_their_own(tmp_path: Path) -> None:
    height = np.linspace(-3, 800, 40 * 30, dtype=np.float32).reshape(40, 30, 1)
    whole = Picture((height + 3) / np.float32(803), np.ones((40, 30), np.float32), span=(-3.0, 800.0))
    write(whole, tmp_path / "whole.tif")
    reader = OpenedPicture(tmp_path / "whole.tif")
    assert reader.span == (-3.0, 800.0)
    np.testing.assert_array_equal(np.concatenate(list(reader.bands()))[..., :1], read(tmp_path / "whole.tif").pixels)
    FileSink(tmp_path / "bands.tif").write_bands(rows_of(whole, 9), shape_of(whole), whole.tags, span=whole.span)
    assert (tmp_path / "bands.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_come_upright(tmp_path: Path, orientation: int) -> None:
    import pyvips

    image = pyvips.Image.new_from_memory(picture(3, "uint8").pixels, 53, 75, 3, "uchar").copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.write_to_file(str(tmp_path / "p.jpg"))
    whole = read(tmp_path / "p.jpg")
    reader = OpenedPicture(tmp_path / "p.jpg")
    assert reader.shape.size == (whole.height, whole.width)
    np.testing.assert_array_equal(np.concatenate(list(reader.bands())), whole.pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    write(picture(3, "uint8", height=900, width=700), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match="data is damaged or cut short"):
        list(OpenedPicture(path).bands())


def test_bytes_too_many_in_the_middle_are_told_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    image = pyvips.Image.new_from_array(picture(3, "uint8", height=300).pixels)
    image.jpegsave(str(path), restart_interval=20)
    whole = read(path).pixels
    reader = OpenedPicture(path, rows=8)
    assert np.concatenate(list(reader.bands())).shape == whole.shape
    assert reader.warnings == ()
    content = path.read_bytes()
    at = content.index(b"\xff\xd1")  # where the second part of the scan ends
    path.write_bytes(content[:at] + b"\x11\x22\x33" + content[at:])
    reader = OpenedPicture(path, rows=8)
    np.testing.assert_array_equal(np.concatenate(list(reader.bands())), whole)
    with pytest.warns(DamagedPictureWarning, match="3 extraneous bytes"):
        np.testing.assert_array_equal(read(path).pixels, whole)
    assert reader.warnings == (
        "the JPEG data is odd (VipsJpeg: Corrupt JPEG data: 3 extraneous bytes before marker 0xd1); "
        "all of it was decoded, and may be damaged: look at the result",
    )


def test_what_alpha_hides_is_seen_in_every_row(tmp_path: Path) -> None:
    pixels = picture(4, "uint8").pixels
    alpha = np.full((75, 53), 255, np.uint8)
    found = []
    for last in (255, 254, 0):
        alpha[-1, -1] = last
        write(Picture(pixels, alpha), tmp_path / f"{last}.png")
        found.append(OpenedPicture(tmp_path / f"{last}.png").alpha)
    write(Picture(pixels), tmp_path / "none.png")
    assert [*found, OpenedPicture(tmp_path / "none.png").alpha] == ["opaque", "partial", "clear", None]


@pytest.mark.parametrize("at", [0, 1, 40])
def test_what_the_bands_raise_passes_through_and_nothing_is_left(tmp_path: Path, at: int) -> None:
    def failing() -> Iterator[NDArray[np.generic]]:
        for index, band in enumerate(rows_of(whole, 1)):
            if index == at:
                raise KeyboardInterrupt
            yield band

    whole = picture(3, "uint8")
    with pytest.raises(KeyboardInterrupt):
        FileSink(tmp_path / "p.tif").write_bands(failing(), shape_of(whole), whole.tags)
    assert list(tmp_path.iterdir()) == []


def test_too_few_rows_make_no_file(tmp_path: Path) -> None:
    whole = picture(3, "uint8")
    with pytest.raises(FailedError, match="could not be written"):
        FileSink(tmp_path / "p.png").write_bands(list(rows_of(whole, 20))[:-1], shape_of(whole), whole.tags)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_the_work_early(tmp_path: Path) -> None:
    whole = picture(3, "uint8", height=4000, width=1000)
    taken = 0

    def counted() -> Iterator[NDArray[np.generic]]:
        nonlocal taken
        for band in rows_of(whole, 100):
            taken += 1
            yield band

    with full_disk(100_000), pytest.raises(FailedError, match=r"p.png: could not be written \("):
        FileSink(tmp_path / "p.png").write_bands(counted(), shape_of(whole), whole.tags)
    assert taken < 40
    assert list(tmp_path.iterdir()) == []
