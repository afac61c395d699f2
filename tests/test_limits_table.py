"""The table of limits is all there is, and what each says is said once it is reached."""

import os
import re
import struct
from pathlib import Path

import pytest

from benchmarks.fuzzing.samples import pixels
from tests.commands import Command
from tests.small_pictures import failure
from tools.tables import limits
from upres.config import limits as stated
from upres.config.limits import (
    LIMITS,
    MAX_FRAMES,
    MAX_GIF_ZEROS,
    MAX_METADATA_ENTRIES,
    MAX_MODEL_BYTES,
    MAX_NAME_BYTES,
    MAX_NETPBM_HEADER,
    MAX_RESOLUTION,
    SERVICE_LIMITS,
)
from upres.errors import ConfigError, ModelError
from upres.image import OpenedPicture, Pages, Picture, read, read_header, read_pages, write, write_pages
from upres.image.metadata import ifd
from upres.predictors import open_predictor
from upres.storage.atomic import whole_file
from upres.upscaling.loading import load
from upres.upscaling.upscaler import Upscaler


def animation(path: Path, frames: int = 4) -> Path:
    pictures = [Picture(pixels(8, 9, seed=number)) for number in range(frames)]
    write_pages(Pages(pictures, frames, (40.0,) * frames), path)
    return path


def test_every_limit_is_a_row_and_every_row_a_limit() -> None:
    constants = {name: value for name, value in vars(stated).items() if name.startswith("MAX_")}
    assert {limit.name: limit.value for limit in (*LIMITS, *SERVICE_LIMITS)} == constants
    assert [limit.setting for limit in LIMITS if limit.setting] == ["max_pixels", "max_frames", "max_memory"]
    assert len(limits()) == 1 + len(LIMITS)


def test_settings_and_options_have_the_tables_defaults() -> None:
    import inspect

    from upres.cli.upscale import upscale
    from upres.config.amounts import parse_memory

    options = inspect.signature(upscale).parameters
    own = inspect.signature(Upscaler.file).parameters
    for limit in LIMITS:
        if limit.setting == "max_memory":
            assert parse_memory(options["max_memory"].default) == limit.value
        elif limit.setting:
            assert options[limit.setting].default == own[limit.setting].default == limit.value


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp", ".tif"])
def test_more_frames_or_pages_than_allowed(tmp_path: Path, suffix: str) -> None:
    path = animation(tmp_path / f"x{suffix}")
    said = f"{path}: 4 frames or pages, more than the 3 allowed; take them apart, or raise max_frames"
    assert failure(lambda: read_pages(path, max_frames=3)) == said
    assert failure(lambda: OpenedPicture(path, max_frames=3)) == said
    assert failure(lambda: load("bicubic", scale=2).file(path, tmp_path / f"sr{suffix}", max_frames=3)) == said
    assert read_pages(path, max_frames=4).count == 4
    assert read_header(path).pages == 4 and read(path).height == 8  # one of them is a picture like any other


def test_twenty_thousand_frames_are_refused_by_the_header(tmp_path: Path) -> None:
    path = animation(tmp_path / "x.png")
    content = path.read_bytes()
    at = content.index(b"acTL") + 4
    path.write_bytes(content[:at] + struct.pack(">L", 20_000) + content[at + 4 : at + 60])  # there is nothing to decode
    assert f"20,000 frames or pages, more than the {MAX_FRAMES:,} allowed" in failure(read_pages, path)


def test_the_option_for_one_file_and_for_a_folder(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    animation(tmp_path / "in" / "x.gif")
    write(Picture(pixels(8, 9)), tmp_path / "in" / "y.png")
    model = ("--model", "bicubic", "--scale", "2")
    said = "in/x.gif: 4 frames or pages, more than the 3 allowed; take them apart, or raise max_frames (--max-frames)"
    assert command.refused(tmp_path, "in/x.gif", *model, "--max-frames", "3") == said
    assert command.refused(tmp_path, "in/x.gif", *model, "--max-frames", "0") == "--max-frames 0: should be at least 1"
    code, _, err = command("in", "-o", "out", *model, "--max-frames", "3")
    assert code == 1 and said in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["upres-manifest.jsonl", "y_x2.png"]


def test_a_scale(tmp_path: Path) -> None:
    assert "32" in failure(lambda: load("bicubic", scale=33), kind=ConfigError)


def test_a_header_of_a_ppm(tmp_path: Path) -> None:
    comment = b"#" + b"x" * MAX_NETPBM_HEADER + b"\n"
    (tmp_path / "x.ppm").write_bytes(b"P6\n" + comment + b"2 2\n255\n" + bytes(12))
    assert "the PPM header is damaged or cut short" in failure(read, tmp_path / "x.ppm")


def test_zeros_between_blocks_of_a_gif(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    write(Picture(pixels(8, 9)), path)
    content = path.read_bytes()
    for zeros, allowed in ((MAX_GIF_ZEROS, True), (MAX_GIF_ZEROS + 1, False)):
        path.write_bytes(content[:-1] + bytes(zeros) + content[-1:])
        if allowed:
            assert read(path).height == 8
        else:
            assert "the GIF data is damaged or cut short (no end mark)" in failure(read, path)


def test_a_table_of_tags_too_long_is_left_behind(tmp_path: Path) -> None:
    entries = b"".join(struct.pack("<HHLL", 0x9000 + number, 3, 1, 0) for number in range(MAX_METADATA_ENTRIES + 1))
    block = b"II*\0" + struct.pack("<LH", 8, MAX_METADATA_ENTRIES + 1) + entries + bytes(4)
    with pytest.raises(ifd.DamagedError):
        ifd.parse_block(block)
    write(Picture(pixels(8, 9), metadata={"exif": block}), tmp_path / "x.tif")
    assert "exif" not in read(tmp_path / "x.tif").metadata


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".png"])
def test_a_resolution_that_no_paper_has_is_left_behind(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"x{suffix}"
    for resolution, kept in ((MAX_RESOLUTION - 1.0, True), (MAX_RESOLUTION + 10.0, False)):
        write(Picture(pixels(8, 9), resolution=(resolution, resolution)), path)
        assert (read(path).resolution is not None) is kept
        load("bicubic", scale=8).file(path, tmp_path / f"sr{suffix}")
    assert capfd.readouterr() == ("", "")


def test_a_resolution_of_a_million_dots_a_millimetre(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """libvips takes it from a file and not from a program, and said so on the terminal."""
    write(Picture(pixels(8, 9), resolution=(10.0, 10.0)), tmp_path / "x.bmp")
    content = bytearray((tmp_path / "x.bmp").read_bytes())
    content[38:46] = struct.pack("<ll", 2_000_000_000, 2_000_000_000)
    (tmp_path / "x.bmp").write_bytes(content)
    load("bicubic", scale=2).file(tmp_path / "x.bmp", tmp_path / "sr.png")
    assert read(tmp_path / "x.bmp").resolution is None
    assert capfd.readouterr() == ("", "")


def test_an_unfinished_file_has_a_name_that_every_system_takes(tmp_path: Path) -> None:
    with whole_file(tmp_path / f"{'ü' * 125}.png") as temporary:
        assert len(os.fsencode(temporary.name)) <= MAX_NAME_BYTES + len("..upres-0123456789abcdef.png")
        temporary.write_bytes(b"x")


def test_a_model_file_longer_than_any(tmp_path: Path) -> None:
    for suffix in (".onnx", ".safetensors", ".pth"):
        with (tmp_path / f"m{suffix}").open("wb") as file:
            file.truncate(MAX_MODEL_BYTES + 1)
        said = failure(open_predictor, tmp_path / f"m{suffix}", kind=ModelError)
        assert f"{MAX_MODEL_BYTES + 1:,} bytes, more than the {MAX_MODEL_BYTES:,} of a model" in said


def test_a_number_beyond_its_limit_is_said_with_it() -> None:
    """The limits of recipes, networks and facts are met in test_hostile_files and test_fuzz_findings."""
    tested = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    elsewhere = {"MAX_RECIPE_BYTES": 'x" * 1_000_001', "MAX_RECIPE_VALUES": "repetitions counted", "MAX_SEED": "2**64"}
    elsewhere |= {"MAX_REACH": "radius=value", "MAX_UNPACKED": "which PyTorch never writes", "MAX_SCALE": "scale=33"}
    elsewhere |= {"MAX_SIDE": "that libvips counts", "MAX_PIXELS": "allowed; reduce it, or raise max_pixels"}
    elsewhere |= {"MAX_STEPS": "should be at most 1,000,000,000"}
    elsewhere |= {"MAX_TIFF_PIECE": "held_bytes > 50_000_000"}
    elsewhere |= {"MAX_VOTES_BYTES": "is too large for votes"}
    elsewhere |= {"MAX_MEMORY": "coded as a whole; allow as much", "MAX_METADATA_BYTES": "40 << 20"}
    elsewhere |= {"MAX_ATTEMPTS": "3 times; try again later", "MAX_PAUSE_SECONDS": "longest pause"}
    elsewhere |= {"MAX_REQUEST_SECONDS": "silent server", "MAX_FRAME_PIXELS": "more than 40,000,000 pixels"}
    for limit in LIMITS:
        assert re.search(re.escape(elsewhere.get(limit.name, limit.name)), tested), limit.name
