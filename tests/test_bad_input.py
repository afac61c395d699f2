"""Whatever is wrong with what was given: one line, the right exit code, and nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Command, everything, full_disk, process
from tests.tiny_models import tiny_onnx
from upres.cli.main import main
from upres.image import Picture, write
from upres.predictors import Predictor
from upres.predictors.runtime import Runtime
from upres.predictors.table import RUNTIMES

SUFFIXES = (".jpg", ".png", ".webp", ".tif", ".gif", ".avif", ".bmp", ".ppm")


def noise(height: int = 40, width: int = 50) -> Picture:
    return Picture(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(noise(), "photo.png")
    return tmp_path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_picture(work: Path, command: Command, suffix: str, share: float) -> None:
    path = Path(f"cut{suffix}")
    write(noise(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    said = command.refused(work, str(path), "--model", "bicubic")
    assert said.startswith(f"cut{suffix}: the ")
    assert said.endswith("; get a whole copy of it")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_and_a_text_file(work: Path, command: Command, suffix: str) -> None:
    Path(f"zero{suffix}").touch()
    Path(f"text{suffix}").write_text("these are words\n")
    assert command.refused(work, f"zero{suffix}", "--model", "bicubic") == (
        f"zero{suffix}: the file is empty (0 bytes); get a whole copy of it"
    )
    assert command.refused(work, f"text{suffix}", "--model", "bicubic").startswith(
        f"text{suffix}: not a picture; upres"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["photo.png", "--scale", "abc"], "scale 'abc': not a number; write it as 4, 2.5 or 4x (--scale)"),
        (["photo.png", "--scale=abc"], "scale 'abc': not a number; write it as 4, 2.5 or 4x (--scale)"),
        (["photo.png", "--quality", "1.5"], "--quality: '1.5' is not a whole number; see upres upscale --help"),
        (["photo.png", "--scal", "2"], "--scal: no such option; did you mean --scale? Known: --scale, "),
        (["photo.png", "--quiet=3"], "option '--quiet' does not take a value"),
        (["photo.png", "--scale"], "option '--scale' requires an argument"),
        (["upsacle", "photo.png"], "upsacle: no such command, and no such file; did you mean upscale? Known: upscale,"),
        (["formats", "x"], "got unexpected extra argument(s) (x); see upres formats --help"),
        (["evaluate", "bicubic"], "nothing to measure on; give pictures with --data, or a recipe with --recipe"),
        (["evaluate", "bicubic", "--data", "x", "--space", "lumma"], "--space: "),
        (["no\nline.png", "--model", "bicubic"], "no line.png: no such file"),
    ],
)
def test_what_cannot_be_understood(work: Path, command: Command, arguments: list[str], text: str) -> None:
    assert command.refused(work, *arguments).startswith(text)


def test_a_file_that_is_called_like_a_command(work: Path, command: Command) -> None:
    Path("photo.png").rename("upscal")
    assert command.refused(work, "upscal", "-o", "x.xyz", "--model", "bicubic").startswith("x.xyz: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(work: Path, command: Command) -> None:
    Path("closed").mkdir(mode=0o555)
    said = command.refused(work, "photo.png", "-o", "closed/large.png", "--model", "bicubic")
    assert said == "closed/large.png: the folder closed may not be written to; choose another place"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".bmp"])
def test_a_disk_that_is_full_in_the_middle(work: Path, suffix: str, command: Command) -> None:
    write(noise(200, 200), "photo.png")
    before = everything(work)
    with full_disk(100_000):
        code, _, said = command("photo.png", "-o", f"large{suffix}", "--model", "bicubic")
    assert code == 1
    assert said.startswith(f"upres: large{suffix}: could not be written (")
    assert said.endswith("; nothing was left behind\n")
    assert said.count("\n") == 1
    assert everything(work) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text(work: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Path("photo.png").rename(name)
    done = process(name, "--model", "bicubic", "--scale", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert os.fsdecode(b"caf\xe9_x2.png") in everything(work)
    Path(name).write_bytes(b"\x89PNG\r\n\x1a\njunk")
    done = process(name, "--model", "bicubic", "--scale", "3")
    assert done.returncode == 2
    assert done.stderr.startswith(r"upres: caf\udce9.png: the PNG data is damaged or cut short")


class OddError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OddError("of two\nlines"), 1, "a bug in upres: OddError: of two lines; run again with --debug and report"),
        (OddError(), 1, "a bug in upres: OddError; run again with --debug and report what it prints"),
        (MemoryError(), 1, "out of memory; close other programs, or give a smaller --tile"),
        (OSError(28, "No space left on device", "log"), 1, "log: No space left on device; nothing half written was"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_nobody_foresaw(work: Path, command: Command, error: BaseException, code: int, text: str) -> None:
    Path("tiny.onnx").write_bytes(tiny_onnx())

    def fail(*_: object) -> Predictor:
        raise error

    # A runtime of somebody else may raise anything.
    runtime = Runtime(
        title="Odd", module="numpy", install="-", suffixes=(".onnx",), precisions={"cpu": ("fp32",)}, open=fail
    )
    arguments = ["photo.png", "--model", "tiny.onnx", "--backend", "odd"]
    with RUNTIMES.added("odd", runtime):
        left, out, err = command(*arguments)
        assert (left, out) == (code, "")
        assert err.startswith(f"upres: {text}")
        assert err.count("\n") == 1
        if not isinstance(error, KeyboardInterrupt):
            with pytest.raises(type(error)):
                main([*arguments, "--debug"])


def test_a_reader_that_leaves_early(work: Path) -> None:
    code = f"{sys.executable} -m upres models --json | true"
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=False)
    assert done.stderr == b""
