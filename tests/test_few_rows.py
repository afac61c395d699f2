"""What keeps the memory of wide pictures small: few rows in libvips, arrays of their own, files read and not mapped."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from upres.image import OpenedPicture, Picture, read, write
from upres.image.codecs import vips
from upres.image.mapped import mapped

RNG = np.random.default_rng(3)


def test_libvips_holds_few_rows() -> None:
    binary = sys.modules.get("_libvips")
    if binary is None or sys.platform == "win32":
        pytest.skip("libvips' functions are only found in the wheel's, and not on Windows")
    wide = vips.pyvips().Image.black(20_000, 10)
    width, height, lines = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    ctypes.CDLL(str(binary.__file__)).vips_get_tile_size(
        ctypes.c_void_p(int(pyvips.ffi.cast("uintptr_t", wide.pointer))),
        ctypes.byref(width),
        ctypes.byref(height),
        ctypes.byref(lines),
    )
    assert lines.value <= 32  # 128 by itself; 8 for each of at most four threads


def test_mapped_arrays_are_zeros_that_can_be_written() -> None:
    array = mapped((3, 5, 2), "uint16")
    assert array.shape == (3, 5, 2)
    assert array.dtype == np.uint16
    assert not array.any()
    array[1] = 7
    assert array.sum() == 70


@pytest.mark.slow
def test_strips_of_wide_pictures_are_flat(tmp_path: Path) -> None:
    for width, rows in ((300, 128), (12_000, 27), (100_000, 16)):
        pixels = RNG.integers(0, 256, (130, width, 3), np.uint8)
        write(Picture(pixels), tmp_path / "x.tif")
        with tifffile.TiffFile(tmp_path / "x.tif") as made:
            assert made.pages.first.rowsperstrip == rows
            assert (made.pages.first.asarray() == pixels).all()


_READ_ON_ONE_CORE = """
import os, sys
from upres import read

read(sys.argv[1])  # libvips has as many threads as there were cores when it began
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for _ in range(12):
    for path in sys.argv[1:]:
        read(path)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="keeps processes on one core, as Linux can")
def test_a_whole_file_is_no_damaged_one_where_others_take_the_core(tmp_path: Path) -> None:
    """With two threads of libvips 9 of 30 readings ended in "out of order read", and the file was called damaged."""
    write(Picture(np.zeros((1200, 12_000, 3), np.uint8)), tmp_path / "x.tif")
    turned = pyvips.Image.new_from_file(str(tmp_path / "x.tif"), access="sequential").copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    turned.set_type(pyvips.GValue.gint_type, "concurrency", 1)
    turned.jpegsave(str(tmp_path / "turned.jpg"))
    core = min(os.sched_getaffinity(0))
    busy = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    others = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(4)]
    try:
        paths = [str(tmp_path / name) for name in ("x.tif", "turned.jpg")]
        done = subprocess.run(
            [sys.executable, "-c", _READ_ON_ONE_CORE, *paths], capture_output=True, text=True, check=False
        )
    finally:
        for each in others:
            each.kill()
            each.wait()
    assert (done.returncode, done.stderr) == (0, "")


def mapped_bytes(path: Path) -> int:
    """How much of a file is in this process's memory, by Linux's own count."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if not line.split()[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


def test_a_large_jpeg_is_not_mapped_and_gives_the_same_pixels(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (2000, 2400, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.jpg", quality=100, subsampling=0)
    assert (tmp_path / "x.jpg").stat().st_size > 10_000_000
    with Image.open(tmp_path / "x.jpg") as stored:
        expected = np.asarray(stored)
    whole = read(tmp_path / "x.jpg").pixels
    assert np.abs(whole.astype(int) - expected).max() <= 1  # two builds of libjpeg-turbo
    opened = OpenedPicture(tmp_path / "x.jpg")
    with opened.bands() as bands:
        assert (np.concatenate(list(bands)) == whole).all()
    if sys.platform == "linux":
        assert mapped_bytes(tmp_path / "x.jpg") < 1_000_000  # of its header
    with opened.bands() as bands:  # left after the first
        first = next(iter(bands))
        assert (first == whole[: len(first)]).all()
    del bands
    for _ in range(100):
        if not any(thread.name == "upres-read" for thread in threading.enumerate()):
            return
        time.sleep(0.1)
    pytest.fail("the thread that reads the file is still there")
