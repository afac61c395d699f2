"""What reaches the terminal: whole lines without control characters, and a progress line that is never amid them."""

import io
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.commands import Command
from tests.tiny_models import tiny_onnx
from upres.cli.main import main
from upres.cli.terminal import printable, printable_json, say, show
from upres.image import Picture, write
from upres.models.facts import METADATA_KEY


def test_a_line_stands_where_the_progress_was(capsys: pytest.CaptureFixture[str]) -> None:
    show("half done")
    say("a result", error=True)
    say("another", error=True)  # nothing is drawn, so nothing is cleared
    show("done\x1b[2J")
    show("")
    assert capsys.readouterr().err == ("\r\x1b[Khalf done\r\x1b[Ka result\nanother\n\r\x1b[Kdone\\x1b[2J\r\x1b[K")
    show("a" * 300 + "日本")  # what wraps would not be cleared
    show("日本" * 300)
    show("")
    drawn = capsys.readouterr().err.split("\r\x1b[K")
    assert drawn == ["", "a" * 79, "日本" * 19 + "日", ""]


def test_threads_that_draw_never_break_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def draw() -> None:
        for percent in range(300):
            show(f"{percent} %")

    drawing = [threading.Thread(target=draw) for _ in range(3)]
    for thread in drawing:
        thread.start()
    for number in range(300):
        say(f"result {number}", error=True)
    for thread in drawing:
        thread.join()
    show("")
    err = capsys.readouterr().err
    assert re.fullmatch(r"(\r\x1b\[K(\d+ %)?|(?<!%)result \d+\n)*", err)
    assert err.count("result") == 300


@pytest.mark.parametrize(
    "character", ["\x00", "\n", "\r", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066"]
)
def test_no_control_character_is_printed(character: str) -> None:
    assert printable(f"a{character}b") == f"a\\x{ord(character):02x}b"
    assert printable("tab\tand 日本 é") == "tab\tand 日本 é"


@pytest.mark.parametrize("character", ["\x1b", "\x7f", "\x9b", "\x85", "\u2028", "\u202e", "\n"])
def test_json_is_printed_without_control_characters_and_reads_back(character: str) -> None:
    value = {"data": f"a{character}31mb", "é": ["日本"]}
    text = printable_json(value, indent=1)
    assert json.loads(text) == value
    assert [printable(line) for line in text.split("\n")] == text.split("\n")
    assert "é" in text and "日本" in text


def test_a_models_name_is_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    write(Picture(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)), "a.png")
    model = onnx.load_from_string(tiny_onnx())
    facts = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    facts.value = facts.value.replace('"tiny"', '"\\u001b[31m\\nred"')
    assert "red" in facts.value
    Path("m.onnx").write_bytes(model.SerializeToString())
    code, out, err = command("a.png", "--model", "m.onnx", "--backend", "onnx", "-v")
    assert code == 0
    assert "\\x1b[31m\\x0ared ×" in out
    assert "model \\x1b[31m\\x0ared ×" in err
    assert "\x1b" not in out + err


def test_a_runtime_that_fails_says_so_through_us_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Picture(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)), "a.png")
    model = onnx.load_from_string(tiny_onnx())
    lr, sr = model.graph.input[0], model.graph.output[0]
    sides, scales = np.array([1, 3, 7, 7], np.int64), np.array([1, 1, 2, 2], np.float32)
    nodes = [
        onnx.helper.make_node("Reshape", [lr.name, "sides"], ["small"]),  # which no input but 7×7 can become
        onnx.helper.make_node("Resize", ["small", "", "scales"], [sr.name]),
    ]
    constants = [onnx.numpy_helper.from_array(sides, "sides"), onnx.numpy_helper.from_array(scales, "scales")]
    model.graph.CopyFrom(onnx.helper.make_graph(nodes, "fails", [lr], [sr], constants))
    Path("m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SystemExit) as left:
        main(["a.png", "--model", "m.onnx", "--backend", "onnx"])
    assert left.value.code == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("upres: m.onnx: failed on an input of (1, 3, 9, 9) (")
    assert err.count("\n") == 1


def test_in_a_folder_results_and_progress_do_not_meet(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    (tmp_path / "in").mkdir()
    for number in range(6):
        write(Picture(np.full((90, 90, 3), number, np.uint8)), tmp_path / f"in/{number}.png")
    (tmp_path / "in/4.png").write_bytes((tmp_path / "in/4.png").read_bytes()[:90])
    leader, follower = pty.openpty()
    code = "from upres.cli.main import main; main(['in', '-o', 'out', '--model', 'bicubic', '--tile', '16'])"
    done = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=follower, stderr=follower)
    os.close(follower)
    drawn = io.BytesIO()
    try:
        while part := os.read(leader, 4096):
            drawn.write(part)
    except OSError:  # how Linux says that the other side has left
        pass
    os.close(leader)
    assert done.wait() == 1
    text = drawn.getvalue().decode()
    assert re.search(r"\[\d/6\] \d\.png \d+ %, ", text)
    lines = text.replace("\r\n", "\n").split("\n")
    # What a person sees of each line is what stands behind the last clearing, and that is a whole line.
    seen = [line.split("\r\x1b[K")[-1] for line in lines]
    assert [line[:8] for line in seen if "→" in line] == [f"in/{number}.png" for number in (0, 1, 2, 3, 5)]
    assert [line for line in seen if line.startswith("upres: in/4.png")] != []
    assert len(seen) == 5 + 3 + 1
    assert seen[-1] == ""
