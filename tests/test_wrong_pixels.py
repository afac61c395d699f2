"""What would become wrong pixels or sizes without a word."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from tests.small_pictures import RNG, failure, random_pixels
from tests.small_predictors import MODELS
from upres.image import OpenedPicture, Picture, read, read_header, read_pages, write
from upres.upscaling.upscaler import Upscaler


@pytest.mark.parametrize("size", [(100_000_001, 1), (1, 100_000_001)])
def test_a_bitmap_longer_than_libvips_counts(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    with (tmp_path / "x.pbm").open("wb") as file:
        file.write(b"P4\n%d %d\n" % size)
        file.truncate(20 + (width + 7) // 8 * height)
    assert "a side is longer than the 100,000,000 pixels that libvips counts" in failure(
        read_header, tmp_path / "x.pbm"
    )


def animation(path: Path) -> bytes:
    frames = [Image.fromarray(RNG.integers(0, 256, (40, 60), np.uint8)) for _ in range(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    return path.read_bytes()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.97])
def test_a_gif_of_which_the_rest_is_zeros(tmp_path: Path, share: float) -> None:
    path = tmp_path / "x.gif"
    content = animation(path)
    assert read_pages(path).count == 6
    kept = int(len(content) * share)
    path.write_bytes(content[:kept].ljust(len(content), b"\0"))
    assert "damaged or cut short" in failure(lambda: list(read_pages(path)))
    still = Image.open(io.BytesIO(content))
    still.seek(0)
    still.copy().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)].ljust(len(content), b"\0"))
    assert "damaged or cut short" in failure(read, path)


def test_a_few_stray_zeros_between_blocks_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    content = animation(path)
    path.write_bytes(content[:-1] + b"\0\0" + content[-1:])
    assert read_pages(path).count == 6


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    packed = struct.pack("<H2x", value) if kind == 3 else struct.pack("<L", value)
    return struct.pack("<HHL", tag, kind, count) + packed


@pytest.mark.parametrize(
    "extra",
    [
        [entry(0xC612, 1, 4, 0x0401)],  # DNG's version
        [entry(0xFE, 4, 1, 1), entry(0x14A, 4, 1, 8)],  # a smaller copy, and a pointer to the others
        [entry(0x106, 3, 1, 32_803)],  # a colour filter array
    ],
)
def test_a_cameras_raw_data_is_not_enlarged_from_its_thumbnail(tmp_path: Path, extra: list[bytes]) -> None:
    tags = {struct.unpack("<H", item[:2])[0]: item for item in extra}
    plain = [(0x100, 4, 8), (0x101, 4, 6), (0x102, 3, 8), (0x103, 3, 1), (0x106, 3, 1), (0x111, 4, 500)]
    plain += [(0x115, 3, 1), (0x116, 4, 6), (0x117, 4, 48)]
    table = {tag: entry(tag, kind, 1, value) for tag, kind, value in plain}

    def save(name: str, entries: dict[int, bytes]) -> Path:
        body = b"".join(entries[tag] for tag in sorted(entries))
        content = b"II*\0" + struct.pack("<LH", 8, len(entries)) + body + bytes(4)
        (tmp_path / name).write_bytes(content.ljust(500, b"\0") + bytes(range(48)))
        return tmp_path / name

    assert read(save("plain.tif", table)).pixels[0, 1, 0] == 1
    assert "develop it to TIFF first" in failure(read, save("raw.dng", table | tags))


def test_lab_of_fax_machines_is_refused_rather_than_taken_for_rgb(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "lab.tif", RNG.integers(0, 256, (9, 7, 3), np.uint8), photometric="itulab")
    assert "a Lab TIFF in the encoding of fax machines (ITULab); save it as RGB" in failure(read, tmp_path / "lab.tif")


def test_reduced_pages_of_an_ordinary_tiff_are_no_raw_data(tmp_path: Path) -> None:
    write(Picture(RNG.integers(0, 256, (300, 400, 3), np.uint8)), tmp_path / "x.tif")
    pyvips.Image.new_from_file(str(tmp_path / "x.tif")).tiffsave(
        str(tmp_path / "pyramid.tif"), pyramid=True, tile=True, subifd=True
    )
    assert read(tmp_path / "pyramid.tif").pixels.shape == (300, 400, 3)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_what_is_neutral_stays_neutral_and_is_what_gray_becomes(tmp_path: Path, channels: int, dtype: str) -> None:
    gray = random_pixels((40, 30, 1), dtype=dtype)
    alpha = random_pixels((40, 30, 1), seed=1, dtype=dtype)[..., 0] if channels == 4 else None
    write(Picture(gray.repeat(3, axis=2), alpha), tmp_path / "rgb.png")
    write(Picture(gray, alpha), tmp_path / "gray.png")
    coloured = Upscaler(MODELS["rgb"], tile=16)
    for name in ("rgb", "gray"):
        coloured.file(tmp_path / f"{name}.png", tmp_path / f"sr_{name}.png")
    sr, expected = read(tmp_path / "sr_rgb.png"), read(tmp_path / "sr_gray.png")
    np.testing.assert_array_equal(sr.pixels, expected.pixels.repeat(3, axis=2))
    np.testing.assert_array_equal(coloured.picture(read(tmp_path / "rgb.png")).pixels, sr.pixels)
    assert np.ptp(coloured.picture(read(tmp_path / "rgb.png")).pixels, axis=2).max() == 0


def test_one_coloured_pixel_makes_it_a_colour_picture(tmp_path: Path) -> None:
    gray = random_pixels((300, 20, 1)).repeat(3, axis=2)
    gray[-1, -1, 0] ^= 1
    write(Picture(gray), tmp_path / "x.png")
    assert not OpenedPicture(tmp_path / "x.png", rows=7).neutral
    coloured = Upscaler(MODELS["rgb"])
    assert np.ptp(coloured.picture(Picture(gray)).pixels.astype(int), axis=2).max() > 1
