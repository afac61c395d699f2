"""The command as people run it: what it prints, what it writes, how it leaves."""

import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import GeneratorType

import numpy as np
import pytest

from tests.commands import Command, names, process
from tests.forks import ForkServer
from tests.tiny_models import tiny_onnx
from upres.image import Picture, read, write
from upres.models.corners import corners_of
from upres.models.shipped import PURPOSES, find, shipped
from upres.predictors import Predictor
from upres.predictors.bicubic import BicubicPredictor


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two pictures."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    write(Picture(generator.integers(0, 256, (9, 7, 3), dtype=np.uint8)), "photo.png")
    write(Picture(generator.integers(0, 256, (8, 8, 1), dtype=np.uint8)), "gray.jpg")
    return tmp_path


def test_a_photo_becomes_photo_x4(folder: Path, command: Command) -> None:
    assert command("photo.png") == (0, "photo.png 7×9 → photo_x4.png 28×36, base ×4, T s\n", "")
    assert read("photo_x4.png").pixels.shape == (36, 28, 3)
    assert command("upscale", "gray.jpg", "-q") == (0, "", "")
    assert read("gray_x4.jpg").pixels.shape == (32, 32, 1)


def test_options(folder: Path, command: Command) -> None:
    assert command("--scale", "2.5", "photo.png", "--format", "webp", "--quality", "80")[:2] == (
        0,
        "photo.png 7×9 → photo_x2.5.webp 18×23, base ×2.5, T s\n",
    )
    assert command("photo.png", "-o", "big.tif", "--model", "bicubic", "--scale", "2", "--threads", "1")[:2] == (
        0,
        "photo.png 7×9 → big.tif 14×18, bicubic ×2, T s\n",
    )
    code, out, err = command("photo.png", "--scale", "8", "-v", "--tile", "4")
    assert (code, out) == (0, "photo.png 7×9 → photo_x8.png 56×72, base ×8, T s\n")
    model, tiles = err.splitlines()
    assert re.fullmatch(
        r"model base ×4 \([\d,]+ parameters, .*\), then base ×2 \([\d,]+ parameters, .*\); result ×8", model
    )
    assert re.fullmatch(r"  tiles: [1-9]\d*", tiles)
    Path("tiny.onnx").write_bytes(tiny_onnx(scale=4))
    _, out, err = command("photo.png", "-o", "tiny.png", "--scale", "8", "-v", "--tile", "4", "--model", "tiny.onnx")
    assert out == "photo.png 7×9 → tiny.png 56×72, tiny ×8, T s\n"
    model, tiles = err.splitlines()
    assert re.fullmatch(
        r"model tiny ×4 \(1,234 parameters, .*\), then tiny ×4 \(1,234 parameters, .*\); result ×8", model
    )
    assert tiles == "  tiles: 36"


def test_the_tile_does_not_show(folder: Path, command: Command) -> None:
    Path("tiny.onnx").write_bytes(tiny_onnx(scale=4))
    for tile in ("1", "5", "100"):
        assert command("photo.png", "-o", f"{tile}.png", "--tile", tile, "--model", "tiny.onnx")[0] == 0
    assert Path("1.png").read_bytes() == Path("5.png").read_bytes() == Path("100.png").read_bytes()


def test_several_inputs_go_into_a_folder(folder: Path, command: Command) -> None:
    code, out, err = command("photo.png", "gray.jpg", "-o", "large/ones", "--model", "bicubic")
    assert (code, err) == (0, "")
    assert out == (
        "photo.png 7×9 → large/ones/photo_x4.png 28×36, bicubic ×4, T s\n"
        "gray.jpg 8×8 → large/ones/gray_x4.jpg 32×32, bicubic ×4, T s\n"
    )
    assert names(folder) == ["gray.jpg", "large/ones/gray_x4.jpg", "large/ones/photo_x4.png", "photo.png"]


def test_a_folder_becomes_a_folder_beside_it(folder: Path, command: Command) -> None:
    Path("in").mkdir()
    Path("photo.png").rename("in/photo.png")
    Path("in/notes.txt").write_text("no picture")
    Path("in/deep/er").mkdir(parents=True)
    Path("gray.jpg").rename("in/deep/er/gray.jpg")
    assert command("in", "--scale", "2", "-q")[0] == 0
    assert names(folder) == [
        "in/deep/er/gray.jpg",
        "in/notes.txt",
        "in/photo.png",
        "in_x2/deep/er/gray_x2.jpg",
        "in_x2/photo_x2.png",
        "in_x2/upres-manifest.jsonl",
    ]
    os.chdir("in")
    assert command(".", "--scale", "3", "-q")[0] == 0
    assert (folder / "in_x3" / "photo_x3.png").is_file()


def test_one_bad_file_is_reported_and_passed_over(folder: Path, command: Command) -> None:
    Path("bad.png").write_text("this is text")
    code, out, err = command("photo.png", "bad.png", "missing.png", "gray.jpg")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == ["photo.png", "gray.jpg"]
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("upres: bad.png: ")
    assert lines[1].startswith("upres: missing.png: ")
    assert lines[2] == "upres: 2 of 4 pictures could not be enlarged; the reasons stand above"
    assert names(folder) == ["bad.png", "gray.jpg", "gray_x4.jpg", "photo.png", "photo_x4.png"]


def test_an_output_that_exists_is_not_replaced_unasked(folder: Path, command: Command) -> None:
    Path("photo_x4.png").write_text("precious")
    assert command("photo.png") == (
        2,
        "",
        "upres: photo_x4.png: exists already; allow it to be replaced, or write elsewhere (--overwrite, --output)\n",
    )
    assert Path("photo_x4.png").read_text() == "precious"
    assert command("photo.png", "--overwrite")[0] == 0
    assert read("photo_x4.png").width == 28


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["missing.jpg"], "missing.jpg: no such file"),
        (["empty"], "empty: no pictures in this folder; give one that has some, or a file"),
        (["text.png"], "text.png: "),
        (["zero.png"], "zero.png: "),
        (["cut.png"], "cut.png: "),
        (["photo.png", "--model", "bsae"], "unknown model 'bsae': did you mean base? Known: base, "),
        (["photo.png", "--model", "net.pth"], "net.pth: no such file; give a .onnx, .safetensors or .pth model"),
        (["photo.png", "--model", "cut.png"], "unknown model 'cut.png'"),
        (["photo.png", "--model", "damaged.onnx"], "damaged.onnx: not a readable ONNX model"),
        (["photo.png", "--scale", "1"], "scale = 1: should be more than 1 and at most 32"),
        (["photo.png", "--scale", "inf"], "scale = inf: should be more than 1 and at most 32"),
        (["photo.png", "--scale", "nan"], "scale = nan: should be more than 1 and at most 32"),
        (["photo.png", "--denoise", "nan"], "denoise = nan: should be from 0 to 1"),
        (["photo.png", "--detail", "inf"], "detail = inf: should be from 0 to 1"),
        (["photo.png", "--tile", "0"], "tile = 0: should be at least 1"),
        (["photo.png", "--threads", "0"], "threads = 0: should be at least 1, or left out for one a core"),
        (["photo.png", "--max-memory", "much"], "'much': not an amount of memory; write it as 800MB, 1.5GB or"),
        (["photo.png", "--max-memory", "10MB"], "max_memory = 10 MB: a picture of 7×9 needs "),
        (["photo.png", "--max-pixels", "62"], "photo.png: 7×9 is 63 pixels, more than the 62 allowed"),
        (["photo.png", "--width", "9", "--scale", "2"], "scale and width are both given, and one of them decides"),
        (["photo.png", "--fit", "4k"], "'4k': not a box; write its width and height as 3840x2160"),
        (["photo.png", "--halo", "-1"], "halo = -1: should be at least 0"),
        (["photo.png", "gray.jpg", "-"], "- stands for one picture; give it alone"),
        (["photo.png", "--quality", "101"], "--quality 101: should be from 1 to 100"),
        (["photo.png", "--format", "wepb"], "format wepb: did you mean webp? Known: "),
        (["photo.png", "-o", "x.jpg", "--format", "png"], "format png and output x.jpg disagree; give only"),
        (["photo.png", "-o", "x.xyz"], "x.xyz: "),
        (["photo.png", "-o", "no/x.png"], "no/x.png: there is no folder no"),
        (["photo.png", "gray.jpg", "-o", "text.png"], "text.png: is a file; several inputs are written"),
        (["photo.png", "empty/../photo.png"], "photo.png and empty/../photo.png would both be written to"),
        (["clear.png", "--format", "jpg"], "clear_x4.jpg: the picture has transparency and JPEG holds none"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    folder: Path, command: Command, arguments: list[str], text: str
) -> None:
    Path("empty").mkdir()
    Path("text.png").write_text("this is text")
    Path("zero.png").touch()
    Path("cut.png").write_bytes(Path("photo.png").read_bytes()[:120])
    Path("damaged.onnx").write_bytes(b"\x08\x09junk")
    write(Picture(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)), "clear.png")
    arguments = [*arguments, "-o", "out"] if "empty/../photo.png" in arguments else arguments
    assert command.refused(folder, *arguments).startswith(text)


def test_debug_shows_where(folder: Path) -> None:
    done = process("missing.jpg", "--model", "bicubic", "--debug")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_models_lists_what_is_shipped(folder: Path, command: Command) -> None:
    inside = shipped()
    assert {("base", 2), ("base", 4)} <= {(model.name, model.scale) for model in inside}
    code, out, err = command("models")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["name", "for", "scale", "parameters", "size", "licence", "scores"]
    for line, model in zip(lines[1:-1], inside, strict=True):
        facts, size = model.facts, sum(file.stat().st_size for file in corners_of(model.path).files)
        assert re.split(r"  +", line) == [
            model.name,
            PURPOSES[model.name],
            f"×{model.scale}",
            f"{facts.parameters:,}",
            f"{size / 1e6:.2f} MB",
            facts.licence,
            ", ".join(f"{protocol} {number:g}" for protocol, number in facts.scores.items()),
        ]
    assert re.split(r"  +", lines[-1].strip()) == ["bicubic", PURPOSES["bicubic"], "any", "0", "-", "-", "-"]

    code, out, err = command("models", "--json")
    assert (code, err) == (0, "")
    table = json.loads(out)
    assert [(entry["name"], entry["scale"], entry["parameters"]) for entry in table] == [
        (model.name, model.scale, model.facts.parameters) for model in inside
    ]
    assert all(Path(entry["path"]).stat().st_size == entry["bytes"] for entry in table)


def test_models_tells_of_one_layer_by_layer(folder: Path, command: Command) -> None:
    code, out, err = command("models", "base-x2")
    assert (code, err) == (0, "")
    told, layers = out.split("\n\n")
    assert re.search(r"^parameters +115,340$", told, re.MULTILINE)
    rows = [re.split(r"  +", line) for line in layers.splitlines()]
    assert rows[0] == ["layer", "kind", "output for 32 pixels a side", "parameters"]
    assert rows[1] == ["head", "Conv2d", "32×32×32", "896"]
    assert sum(int(row[3].replace(",", "")) for row in rows[1:]) == 115_340

    code, out, _ = command("models", str(find("base", 4).path), "--json")
    entry = json.loads(out)
    assert (code, entry["scale"], entry["layers"][0]["shape"]) == (0, 4, [32, 32, 32])
    for given, said in (
        ("bsae", "did you mean base"),
        ("bicubic", "bicubic is no network"),
        ("gone.pth", "gone.pth: no such file"),
        (str(find("base", 4).path.with_name("base-x4-int8.onnx")), ""),
    ):
        code, out, err = command("models", given)
        assert code == (2 if said else 0) and said in err, (given, err)
        assert said or "its layers cannot be told" in out


def test_a_name_that_the_terminal_cannot_show_is_no_reason_to_fail(folder: Path) -> None:
    Path("photo.png").rename("日本.png")
    done = process("日本.png", "--model", "bicubic", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"\u65e5\u672c.png 7\xd79 \u2192 ")
    assert Path("日本_x4.png").is_file()


def test_progress_is_drawn_on_a_terminal_only(folder: Path) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    code = "from upres.cli.main import main; main(['photo.png', '--model', 'bicubic', '--tile', '4'])"
    done = subprocess.run([sys.executable, "-c", code], stderr=follower, stdout=subprocess.PIPE, check=True)
    os.close(follower)
    drawn = os.read(leader, 10_000).decode()
    os.close(leader)
    assert done.stdout.decode().startswith("photo.png 7×9")
    assert re.search(r"photo.png 50 %, \d+\.\d\d megapixels/s, \d+ s left", drawn)
    assert drawn.endswith("\r\x1b[K")


def test_an_interrupted_run_leaves_nothing(folder: Path, forks: ForkServer) -> None:
    write(Picture(np.zeros((1500, 1500, 3), np.uint8)), "large.png")
    before = names(folder)
    process = forks.start("large.png", "--model", "bicubic", "--scale", "8", "-v")
    while "\n" not in process.err:
        assert process.poll() is None
        time.sleep(0.01)
    assert process.err.startswith("model bicubic")  # it has begun
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert "Traceback" not in process.err
    assert names(folder) == before


def test_a_refused_picture_leaves_no_work_to_the_garbage_collector(folder: Path, command: Command) -> None:
    """Found by the fuzzer: collected in a thread that was being started, the run waited for itself."""
    gc.collect()
    gc.disable()
    try:
        before = {id(each) for each in gc.get_objects()}
        assert command(str(folder / "cut.png"), "--model", "bicubic")[0] == 2
        left = [each for each in gc.get_objects() if type(each) is GeneratorType and each.gi_frame is not None]
        own = [each for each in left if id(each) not in before and "upres" in each.gi_code.co_filename]
        assert not [each.__qualname__ for each in own]
    finally:
        gc.enable()


@pytest.fixture
def precisions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What precision models are opened in."""
    asked: list[str] = []

    def opened(model: str | Path, scale: int | None, *, precision: str, **_: object) -> Predictor:
        asked.append(precision)
        return BicubicPredictor(scale or 4)

    monkeypatch.setattr("upres.upscaling.loading.open_probed_cached", opened)
    return asked


def test_enlarging_takes_what_nobody_can_tell_from_float32(
    folder: Path, command: Command, precisions: list[str]
) -> None:
    assert command("photo.png")[0] == 0
    assert precisions == ["near"]
    write(Picture(np.zeros((6, 5, 3), np.uint16)), "deep.png")
    assert command("deep.png")[0] == 0
    assert precisions == ["near", "fp32"]  # what has more than 8 bits keeps them
    assert command("gray.jpg", "--precision", "int8")[0] == 0
    assert command("deep.png", "--precision", "int8", "--overwrite")[0] == 0
    assert precisions[2:] == ["int8", "int8"]
