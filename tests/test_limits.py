"""What cannot be held in the memory that is allowed is refused before it is tried; the rest stays below it."""

import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips

from tests.small_pictures import failure
from tests.small_predictors import Nearest
from upres.errors import ConfigError
from upres.image import FileSink, OpenedPicture, Picture, read, write
from upres.image.bands import Shape
from upres.image.codecs import netpbm, vips
from upres.image.metadata.tags import Tags
from upres.upscaling.upscaler import Upscaler


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def enlarge_within(limit: int, source: Path, target: Path) -> str:
    return failure(Upscaler(Nearest(2), max_memory=limit).file, source, target, kind=ConfigError)


@pytest.mark.parametrize(("suffix", "name"), [(".webp", "WebP"), (".avif", "AVIF"), (".gif", "GIF")])
def test_what_the_encoder_holds_is_counted_before_it_is_tried(tmp_path: Path, suffix: str, name: str) -> None:
    write(Picture(np.zeros((2000, 1600, 3), np.uint8)), tmp_path / "lr.tif")
    said = enlarge_within(10**8, tmp_path / "lr.tif", tmp_path / f"sr{suffix}")
    assert f"MB of it to write {name}, which is coded as a whole; allow as much, or write .png or .tif" in said
    assert [path.name for path in tmp_path.iterdir()] == ["lr.tif"]


@pytest.mark.slow
def test_a_progressive_jpeg_and_an_interlaced_png_are_counted_and_plain_ones_are_not(tmp_path: Path) -> None:
    made = pyvips.Image.new_from_array(noise(3000, 4000)).copy(interpretation="srgb")
    made.jpegsave(str(tmp_path / "444.jpg"), interlace=True, subsample_mode="off")
    quarter = made.crop(0, 0, 2000, 1500)  # large enough for what is only counted
    quarter.jpegsave(str(tmp_path / "420.jpg"), interlace=True, Q=80)
    quarter.jpegsave(str(tmp_path / "plain.jpg"))
    quarter.pngsave(str(tmp_path / "interlaced.png"), interlace=True, compression=0)
    quarter.pngsave(str(tmp_path / "plain.png"), compression=0)
    counted = {path.name: OpenedPicture(path).held_bytes for path in tmp_path.iterdir()}
    assert counted == {
        "444.jpg": 6 * 3000 * 4000,
        "420.jpg": 3 * 1500 * 2000,
        "plain.jpg": 0,
        "interlaced.png": 3 * 1500 * 2000,
        "plain.png": 0,
    }
    said = enlarge_within(10**8, tmp_path / "444.jpg", tmp_path / "sr.png")
    assert "72 MB of it to read JPEG of a kind that is decoded as a whole; allow as much, or save it as a" in said


def test_pages_are_held_and_counted(tmp_path: Path) -> None:
    pages = pyvips.Image.new_from_array(noise(4800, 2000)).copy(interpretation="srgb")
    pages.set_type(pyvips.GValue.gint_type, "page-height", 2400)
    pages.tiffsave(str(tmp_path / "pages.tif"), page_height=2400)
    assert OpenedPicture(tmp_path / "pages.tif").header.pages == 2
    assert "because a page or frame is held as a whole" in enlarge_within(
        10**8, tmp_path / "pages.tif", tmp_path / "s.tif"
    )


def test_a_jpeg_of_any_size_gets_the_tables_that_hold_nothing(tmp_path: Path) -> None:
    # ITU-T T.81, table K.5: how many codes of 1 to 16 bits there are for luma's other coefficients.
    codes = bytes([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125])
    for side in (8, 4001):
        band = np.zeros((side, side, 3), np.uint8)
        FileSink(tmp_path / "sr.jpg").write_bands(iter([band]), Shape(side, side, 3, "uint8"), Tags())
        assert codes in (tmp_path / "sr.jpg").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is asked of /proc")
@pytest.mark.parametrize("kind", ["jpg", "progressive.jpg", "text.ppm", "interlaced.png", "webp"])
def test_what_is_counted_is_what_is_held(tmp_path: Path, kind: str) -> None:
    """Decoding 4 megapixels takes no more than a small picture and what was counted."""
    suffix = f".{kind.rpartition('.')[2]}"
    for name, side in (("small", 100), ("large", 2000)):
        path = tmp_path / f"{name}{suffix}"
        if kind == "text.ppm":
            words = np.array([b" %3d" % level for level in range(256)]).take(noise(side, side))
            path.write_bytes(b"P3\n%d %d\n255\n" % (side, side) + words.tobytes())
        else:
            made = pyvips.Image.new_from_array(noise(side, side) // 16).copy(interpretation="srgb")
            made.write_to_file(str(path), **({"interlace": True} if "." in kind else {}))
    code = (
        "import re, sys; from upres.image import OpenedPicture; opened = OpenedPicture(sys.argv[1]); "
        "rows = sum(len(band) for band in opened.bands()); "
        "print(opened.held_bytes, re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    numbers = {}
    for name in ("small", "large"):
        command = [sys.executable, "-c", code, str(tmp_path / f"{name}{suffix}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        numbers[name] = [int(number) for number in done.stdout.split()]
    counted = numbers["large"][0]
    grown = 1024 * (numbers["large"][1] - numbers["small"][1])
    assert grown < counted + 45_000_000  # bands on their way: 8 MB each
    if kind != "jpg":
        assert grown > counted / 2


@pytest.mark.parametrize("part", [7, 64, 1 << 20])
@pytest.mark.parametrize(("kind", "white"), [(1, 1), (2, 200), (3, 255), (3, 1000)])
def test_text_is_read_in_parts_and_a_part_may_end_anywhere(tmp_path: Path, part: int, kind: int, white: int) -> None:
    generator = np.random.default_rng(part)
    samples = generator.integers(0, white + 1, (13, 17, 3 if kind == 3 else 1))
    between = [b" ", b"\n", b"\t", b" # a remark of 12 words\n", b"#x\n", b"\r\n", *([b""] * (kind == 1))]
    text = b"P%d\n17 13\n" % kind + (b"" if kind == 1 else b"%d\n" % white)
    text += b"".join(b"%d" % sample + between[generator.integers(len(between))] for sample in samples.ravel())
    (tmp_path / "x.ppm").write_bytes(text)
    full = 255 if white < 256 else 65_535
    expected = (1 - samples) * 255 if kind == 1 else np.floor(samples * full / white + 0.5)
    made = vips.to_array(netpbm.opened(tmp_path / "x.ppm", part=part))
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(read(tmp_path / "x.ppm").pixels, expected)


def test_text_is_refused_by_its_header_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "huge.ppm").write_text("P3\n40000 40000\n255\n1 2 3\n")
    assert "more than the 500,000,000 allowed" in failure(read, tmp_path / "huge.ppm")


@pytest.mark.slow
def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_no_model(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import zipfile

    from upres.errors import ModelError
    from upres.models.foreign.tensors import read_tensors

    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "whole.pth")
    assert read_tensors(tmp_path / "whole.pth")["weight"].shape == (3, 3)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
        zeros = bytes(10_000_000)
        for number in range(20):
            bomb.writestr(f"archive/data/{number}", zeros)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "that unpack to 200,000,000, which PyTorch never writes" in failure(
        read_tensors, tmp_path / "bomb.pth", kind=ModelError
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.slow
def test_pictures_that_wait_for_each_other_are_all_done(tmp_path: Path) -> None:
    from upres.upscaling.batch import BatchSettings, find_jobs
    from upres.upscaling.batch.engines.local import run
    from upres.upscaling.loading import Upscalers

    (tmp_path / "in").mkdir()
    for name in "ab":
        write(Picture(np.zeros((660, 660, 3), np.uint8)), tmp_path / "in" / f"{name}.png")
    jobs = find_jobs([tmp_path / "in"], tmp_path / "out", label="_x2", form="webp")
    outcomes = list(run(jobs, Upscalers("bicubic", max_memory=358_000_000), BatchSettings()))
    assert [outcome.error for outcome in outcomes] == [None] * 2


def deflated(rows: int, width: int, level: int) -> bytes:
    """A TIFF of one strip of R, G, B."""
    row = (np.arange(width * 3) % 251).astype(np.uint8)
    data = zlib.compress(row.tobytes() * rows, level)
    tags = [(0x100, width), (0x101, rows), (0x102, 8), (0x103, 8), (0x106, 2), (0x111, 200), (0x115, 3)]
    tags += [(0x116, rows), (0x117, len(data))]
    table = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<LH", 8, len(tags)) + table + bytes(4)
    return head.ljust(200, b"\0") + data


def test_a_strip_of_more_than_50_megabytes_is_read(tmp_path: Path) -> None:
    (tmp_path / "big.tif").write_bytes(deflated(4_400, 4_000, 0))
    opened = OpenedPicture(tmp_path / "big.tif")
    assert opened.held_bytes > 50_000_000  # refused where it is more than max_memory, with the figure
    row = (np.arange(12_000) % 251).astype(np.uint8).reshape(4_000, 3)
    with opened.bands() as bands:
        assert sum(len(band) for band in bands if (band == row).all()) == 4_400
    (tmp_path / "small.tif").write_bytes(deflated(4_400, 4_000, 1))
    assert OpenedPicture(tmp_path / "small.tif").held_bytes == 0
