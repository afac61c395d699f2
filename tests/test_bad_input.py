"""Whatever is wrong with what was given: one line, the right exit code, and nothing written."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from upres.cli import upscale
from upres.cli.main import COMMANDS, main
from upres.image import Picture, write

Answer = tuple[int, str, str]
SUFFIXES = (".jpg", ".png", ".webp", ".tif", ".gif", ".avif", ".bmp", ".ppm")


def noise(height: int = 40, width: int = 50) -> Picture:
    return Picture(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(noise(), "photo.png")
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class Run:
    """Runs the command in this process: exit code, standard output, standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def refuses(run: Run, folder: Path, *arguments: str) -> str:
    """Run a command that must be refused, and return its line."""
    before = names(folder)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("upres: ")
    assert err.count("\n") == 1
    assert names(folder) == before
    return err.removeprefix("upres: ").rstrip("\n")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_picture(work: Path, run: Run, suffix: str, share: float) -> None:
    path = Path(f"cut{suffix}")
    write(noise(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    said = refuses(run, work, str(path), "--model", "bicubic")
    assert said.startswith(f"cut{suffix}: the ")
    assert said.endswith("; get a whole copy of it")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_and_a_text_file(work: Path, run: Run, suffix: str) -> None:
    Path(f"zero{suffix}").touch()
    Path(f"text{suffix}").write_text("these are words\n")
    assert refuses(run, work, f"zero{suffix}", "--model", "bicubic") == (
        f"zero{suffix}: the file is empty (0 bytes); get a whole copy of it"
    )
    assert refuses(run, work, f"text{suffix}", "--model", "bicubic").startswith(f"text{suffix}: not a picture; upres")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["photo.png", "--scale", "abc"], "--scale: 'abc' is not a number; see upres upscale --help"),
        (["photo.png", "--scale=abc"], "--scale: 'abc' is not a number; see upres upscale --help"),
        (["photo.png", "--quality", "1.5"], "--quality: '1.5' is not a whole number; see upres upscale --help"),
        (["photo.png", "--scal", "2"], "--scal: no such option; did you mean --scale? Known: --scale, "),
        (["photo.png", "--quiet=3"], "option '--quiet' does not take a value"),
        (["photo.png", "--scale"], "option '--scale' requires an argument"),
        (["upsacle", "photo.png"], "upsacle: no such command, and no such file; did you mean upscale? Known: upscale,"),
        (["models", "x"], "got unexpected extra argument(s) (x); see upres models --help"),
        (["evaluate", "bicubic"], "nothing to measure on; give pictures with --data, or a recipe with --recipe"),
        (["evaluate", "bicubic", "--data", "x", "--space", "lumma"], "--space: "),
        (["no\nline.png", "--model", "bicubic"], "no line.png: no such file"),
    ],
)
def test_what_cannot_be_understood(work: Path, run: Run, arguments: list[str], text: str) -> None:
    assert refuses(run, work, *arguments).startswith(text)


def test_a_file_that_is_called_like_a_command(work: Path, run: Run) -> None:
    Path("photo.png").rename("upscal")
    assert refuses(run, work, "upscal", "-o", "x.xyz", "--model", "bicubic").startswith("x.xyz: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(work: Path, run: Run) -> None:
    Path("closed").mkdir(mode=0o555)
    said = refuses(run, work, "photo.png", "-o", "closed/large.png", "--model", "bicubic")
    assert said == "closed/large.png: the folder closed may not be written to; choose another place"


def command(*arguments: str, largest_file: int | None = None) -> subprocess.CompletedProcess[bytes]:
    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [sys.executable, "-m", "upres", *arguments], capture_output=True, check=False, preexec_fn=limit
    )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".bmp"])
def test_a_disk_that_is_full_in_the_middle(work: Path, suffix: str) -> None:
    write(noise(200, 200), "photo.png")
    before = names(work)
    done = command("photo.png", "-o", f"large{suffix}", "--model", "bicubic", largest_file=100_000)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"upres: large{suffix}: could not be written (")
    assert done.stderr.endswith(b"; nothing was left behind\n")
    assert done.stderr.count(b"\n") == 1
    assert names(work) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text(work: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Path("photo.png").rename(name)
    done = command(name, "--model", "bicubic", "--scale", "2")
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.fsdecode(b"caf\xe9_x2.png") in names(work)
    Path(name).write_bytes(b"\x89PNG\r\n\x1a\njunk")
    done = command(name, "--model", "bicubic", "--scale", "3")
    assert done.returncode == 2
    assert done.stderr.startswith(rb"upres: caf\udce9.png: the PNG data is damaged or cut short")


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
def test_what_nobody_foresaw(
    work: Path, run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, text: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("upres.upscaling.loading.Upscalers", fail)
    assert COMMANDS["upscale"] is upscale.upscale
    left, out, err = run("photo.png")
    assert (left, out) == (code, "")
    assert err.startswith(f"upres: {text}")
    assert err.count("\n") == 1
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)):
            main(["photo.png", "--debug"])


def test_a_reader_that_leaves_early(work: Path) -> None:
    code = f"{sys.executable} -m upres models --json | true"
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=False)
    assert done.stderr == b""
