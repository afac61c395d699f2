"""One file never stops a folder: whatever happens to a picture is a row, an exit code and a line; the rest is there."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pyvips

from tests.forks import Forked, ForkServer
from tests.small_pictures import failure
from upres.errors import UpresError, as_upres_error
from upres.image import Picture, read, read_header, write


def upres(forks: ForkServer, *arguments: object) -> Forked:
    return forks.run(*map(str, arguments))


def endless_gif(path: Path, *, frames: int, height: int) -> None:
    """Write frames of so many rows, of which one pixel is told; each takes 16 bytes."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, height, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    path.write_bytes(head + frame * frames + b"\x3b")


def test_the_files_that_stopped_a_folder_do_not(tmp_path: Path, forks: ForkServer) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    gray = np.zeros((1, 1, 1), np.uint8)
    write(Picture(gray), inside / "a_one_pixel.png")
    write(Picture(np.zeros((20, 30, 3), np.uint8)), inside / "b.png")
    pages = pyvips.Image.black(1, 2).cast("uchar").copy(interpretation="b-w")
    pages.set_type(pyvips.GValue.gint_type, "page-height", 1)
    pages.tiffsave(str(inside / "c_pages.tif"), page_height=1)
    endless_gif(inside / "d_frames.gif", frames=1600, height=65_535)
    write(Picture(np.zeros((20, 30, 3), np.uint8)), inside / f"{'e' * 250}.png")
    write(Picture(np.zeros((20, 30, 3), np.uint8)), inside / "f.png")
    done = upres(forks, inside, "-o", out, "--model", "bicubic", "--scale", 2)
    assert done.returncode == 1
    assert "d_frames.gif: 1,600 frames of 65,535 rows are more than the 100,000,000 that libvips takes" in done.err
    assert "cannot be the name of a file (File name too long; 257 bytes)" in done.err
    assert "2 of 6 pictures could not be enlarged" in done.err
    assert "bug" not in done.err
    made = sorted(path.name for path in out.iterdir())
    assert made == ["a_one_pixel_x2.png", "b_x2.png", "c_pages_x2.tif", "f_x2.png", "upres-manifest.jsonl"]
    lines = [json.loads(line) for line in (out / "upres-manifest.jsonl").read_text().splitlines()]
    assert [line["error"] is None for line in lines] == [True, True, True, False, False, True]


def test_a_gray_pixel_is_a_picture(tmp_path: Path) -> None:
    write(Picture(np.full((1, 1, 1), 7, np.uint8)), tmp_path / "one.png")
    assert read(tmp_path / "one.png").pixels.tolist() == [[[7]]]


def test_frames_beyond_what_libvips_counts_are_refused_by_the_header(tmp_path: Path) -> None:
    endless_gif(tmp_path / "x.gif", frames=1600, height=65_535)
    assert "take its frames apart" in failure(read_header, tmp_path / "x.gif")


def test_any_exception_becomes_a_line_about_the_file() -> None:
    said = {
        str(as_upres_error(error, "a.png"))
        for error in (IndexError("tuple index"), MemoryError(), OSError(28, "No space left on device", "a.png"))
    }
    assert said == {
        "a.png: cannot be enlarged: IndexError: tuple index; please report it with the picture",
        "a.png: does not fit the memory; close other programs, or allow smaller tiles",
        "a.png: No space left on device; nothing half written was left",
    }
    own = UpresError("x")
    assert as_upres_error(own, "a.png") is own


def test_what_other_settings_made_is_named_and_not_taken_for_what_was_asked(tmp_path: Path, forks: ForkServer) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        write(Picture(np.zeros((20, 30, 3), np.uint8)), tmp_path / "in" / f"{name}.png")
    first = upres(forks, tmp_path / "in", "-o", tmp_path / "out", "--model", "bicubic", "--scale", 2)
    assert re.fullmatch(r"upres: 2 of 2 pictures enlarged, 0 there already, 0 failed, \d+\.\d s\n", first.err)
    again = upres(forks, tmp_path / "in", "-o", tmp_path / "out", "--model", "bicubic", "--scale", 2)
    assert "warning" not in again.err
    assert "0 of 2 pictures enlarged, 2 there already, 0 failed" in again.err
    other = upres(forks, tmp_path / "in", "-o", tmp_path / "out", "--model", "fast", "--scale", 2, "--lossless")
    assert "2 of those that are there already were made with another model, lossless; --overwrite" in other.err
    lines = (tmp_path / "out" / "upres-manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["settings"]["model"] for line in lines] == ["bicubic"] * 2
