"""`upres formats`, and what the command does with animations, pages, transparency and colours it must convert."""

import json
from pathlib import Path

import numpy as np
import pytest
import pyvips

from tests.commands import Command, everything
from upres.image import Pages, Picture, read, read_pages, write, write_pages


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_says_what_is_true_here(work: Path, command: Command) -> None:
    code, out, err = command("formats")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["format", "suffixes", "read", "write", "bits", "alpha", "several", "largest", "side"]
    assert lines[1].split() == ["PNG", ".png", ".apng", "yes", "yes", "8,", "16", "yes", "frames", "2,147,483,647"]
    code, out, err = command("formats", "--json")
    assert (code, err) == (0, "")
    table = {row["format"]: row for row in json.loads(out)}
    assert {"PNG", "JPEG", "WebP", "TIFF", "AVIF", "HEIF", "JPEG XL", "GIF", "BMP", "PPM"} == set(table)
    for row in table.values():
        suffix = row["suffixes"][0]
        path = Path(f"p{suffix}")
        if row["write"]:
            write(Picture(np.zeros((4, 4, 3), np.uint8)), path)
            assert row["read"], "what is written is read"
            assert read(path).width == 4
    for name in ("PNG", "JPEG", "WebP", "TIFF", "GIF", "BMP", "PPM"):
        assert table[name]["read"]
        assert table[name]["write"]
    assert table["JPEG XL"]["read"] == bool(pyvips.type_find("VipsOperation", "jxlload"))


def animated(path: str, alpha: bool = False) -> None:
    made = []
    for number in range(3):
        pixels = np.zeros((12, 16, 3), np.uint8)
        pixels[2:8, 4 * number : 4 * number + 6] = (255, 0, 0)
        made.append(Picture(pixels, pixels.max(axis=2) if alpha else None))
    write_pages(Pages(made, 3, (100, 200, 300), 2), path)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_enlarged_as_one(work: Path, command: Command, suffix: str) -> None:
    animated(f"a.{suffix}")
    code, out, err = command(f"a.{suffix}", "--model", "bicubic", "--scale", "2")
    assert (code, err) == (0, "")
    assert out.startswith(f"a.{suffix} 16×12 → a_x2.{suffix} 32×24, 3 pictures, bicubic ×2, ")
    after = read_pages(f"a_x2.{suffix}")
    assert (after.count, after.delays, after.loop) == (3, (100, 200, 300), 2)
    assert [picture.width for picture in after] == [32] * 3


def test_an_animation_does_not_become_one_picture_unasked(work: Path, command: Command) -> None:
    animated("a.gif")
    assert command.refused(work, "a.gif", "--model", "bicubic", "--format", "jpg") == (
        "a_x4.jpg: JPEG does not hold 3 frames; write .png or .webp or .tif or .gif"
    )


@pytest.mark.parametrize(
    ("background", "expected"),
    [("white", 255), ("#000000", 0), ("gray", 128), ("808080", 128)],
)
def test_transparency_is_laid_on_a_colour_on_request(
    work: Path, command: Command, background: str, expected: int
) -> None:
    write(Picture(np.full((8, 8, 3), 77, np.uint8), np.zeros((8, 8), np.uint8)), "logo.png")
    assert "or lay it on a background such as white (--background)" in command.refused(
        work, "logo.png", "--model", "bicubic", "--format", "jpg"
    )
    assert command("logo.png", "--model", "bicubic", "--format", "jpg", "--background", background)[0] == 0
    after = read("logo_x4.jpg")
    assert after.alpha is None
    assert np.abs(after.pixels.astype(int) - expected).max() <= 1


def test_a_gray_picture_on_a_colour_becomes_rgb(work: Path, command: Command) -> None:
    write(Picture(np.full((8, 8, 1), 255, np.uint8), np.full((8, 8), 128, np.uint8)), "g.png")
    command("g.png", "--model", "bicubic", "--background", "#ff0000", "-o", "red.png")
    command("g.png", "--model", "bicubic", "--background", "black", "-o", "gray.png")
    assert read("red.png").pixels[0, 0].tolist() == [255, 128, 128]
    assert read("gray.png").pixels[0, 0].tolist() == [128]
    assert command.refused(work, "g.png", "--background", "withe", "--model", "bicubic") == (
        "background withe: should be #rrggbb or a name; did you mean white? Known: white, black, gray (--background)"
    )


def test_a_picture_that_is_too_large_is_refused_by_its_header(work: Path, command: Command) -> None:
    write(Picture(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)), "p.png")
    path = Path("p.png")
    path.write_bytes(path.read_bytes()[:200])  # its pixels are gone, and nobody notices
    assert command.refused(work, "p.png", "--model", "bicubic", "--max-pixels", "599") == (
        "p.png: 30×20 is 600 pixels, more than the 599 allowed; reduce it, or raise max_pixels (--max-pixels)"
    )


def test_a_conversion_of_colours_is_said(work: Path, command: Command) -> None:
    inks = np.full((8, 8, 4), 40, np.uint8)
    pyvips.Image.new_from_array(inks).copy(interpretation="cmyk").jpegsave("c.jpg")
    code, _, err = command("c.jpg", "--model", "bicubic", "-v")
    assert code == 0
    assert "  CMYK converted to sRGB through libvips' CMYK profile, as it has none\n" in err
    assert everything(work) == ["c.jpg", "c_x4.jpg"]
    assert read("c_x4.jpg").pixels.shape == (32, 32, 3)
