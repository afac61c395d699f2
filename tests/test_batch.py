"""Folders: what is written where, what a bad file does, and that killing and running again loses nothing."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.commands import UPRES, Command, names
from tests.forks import ForkServer
from tests.tiny_models import tiny_onnx
from upres.errors import PictureError
from upres.image import Picture, read, write
from upres.storage.atomic import clear_unfinished, whole_file
from upres.upscaling import batch
from upres.upscaling.batch import find_jobs


def noise(height: int, width: int, seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of folders, with a broken file and names of many kinds."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "deep/er/b.jpg", "deep/日本.png", "thumbs/c.png")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(noise(20 + number, 30, number), path)
    (tmp_path / "in/deep/bad.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:200])
    return tmp_path


def entries(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_tree_keeps_its_shape_and_a_bad_file_stops_nothing(tree: Path, command: Command) -> None:
    code, out, err = command("in", "-o", "out", "--model", "bicubic", "--scale", "2")
    assert code == 1
    assert out.splitlines()[0] == "in/a.png 30×20 → out/a_x2.png 60×40, bicubic ×2, T s"
    assert err.splitlines()[0].startswith("upres: in/deep/bad.png: the PNG data is damaged or cut short")
    assert err.splitlines()[1].startswith("upres: 4 of 5 pictures enlarged, 0 there already, 1 failed, ")
    assert err.splitlines()[2:] == ["upres: 1 of 5 pictures could not be enlarged; the reasons stand above"]
    made = ["a_x2.png", "deep/er/b_x2.jpg", "deep/日本_x2.png", "thumbs/c_x2.png"]
    assert names(tree / "out") == sorted([*made, batch.MANIFEST])

    lines = entries(tree / "out" / batch.MANIFEST)
    assert sorted(str(line["output"]) for line in lines if not line["error"]) == sorted(f"out/{name}" for name in made)
    settings = cast(dict[str, Any], lines[0].pop("settings"))
    assert (settings["model"], settings["size"], settings["quality"]) == ("bicubic", [2, None, None, None], 95)
    first = (tree / "out/a_x2.png").read_bytes()
    assert len(str(lines[0].pop("fingerprint"))) == 16
    assert lines[0] | {"seconds": 0} == {
        "input": "in/a.png",
        "output": "out/a_x2.png",
        "input_size": [30, 20],
        "output_size": [60, 40],
        "denoise": 0.0,
        "detail": 0.0,
        "changes": [],
        "model": "bicubic",
        "scale": 2,
        "seconds": 0,
        "skipped": False,
        "worst_difference": 0.0,
        "warnings": [],
        "error": None,
        "error_class": None,
        "bytes": len(first),
        "sha256": hashlib.sha256(first).hexdigest(),
    }
    assert [line["error_class"] for line in lines if line["error"]] == ["PictureError"]
    assert [line["input"] for line in lines if line["error"]] == ["in/deep/bad.png"]

    # Running again does what is left, and only that.
    (tree / "out/a_x2.png").unlink()
    write(noise(5, 5), tree / "in/deep/bad.png")
    before = (tree / "out/deep/日本_x2.png").stat().st_mtime_ns
    code, out, err = command("in", "-o", "out", "--model", "bicubic", "--scale", "2", "-v")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["in/a.png", "in/deep/bad.png"]
    assert err.splitlines()[-1].startswith("upres: 2 of 5 pictures enlarged, 3 there already, 0 failed, ")
    assert (tree / "out/deep/日本_x2.png").stat().st_mtime_ns == before
    assert len(entries(tree / "out" / batch.MANIFEST)) == 7


def test_patterns_choose(tree: Path) -> None:
    def found(**patterns: list[str]) -> list[str]:
        jobs = find_jobs([Path("in")], Path("out"), label="", **patterns)
        return [str(job.source) for job in jobs]

    assert found(include=["*.jpg"]) == ["in/deep/er/b.jpg"]
    assert found(include=["deep/*"], exclude=["bad*"]) == ["in/deep/er/b.jpg", "in/deep/日本.png"]
    assert found(exclude=["thumbs/*", "deep/*"]) == ["in/a.png"]
    with pytest.raises(
        PictureError, match="in: none of its 5 pictures passes the patterns of what to include and exclude; widen them"
    ):
        found(include=["*.gif"])


def test_an_output_folder_inside_is_no_input(tree: Path, command: Command) -> None:
    arguments = ("in", "-o", "in/out", "--model", "bicubic", "--scale", "2", "-q", "--exclude", "bad*")
    assert command(*arguments)[0] == 0
    before = names(tree)
    assert command(*arguments) == (0, "", "")
    assert names(tree) == before


def test_two_inputs_with_one_output_are_refused_and_the_others_are_made(tree: Path, command: Command) -> None:
    write(noise(4, 4), tree / "in/a.jpg")
    code, _, err = command("in", "-o", "out", "--model", "bicubic", "--format", "png", "--exclude", "bad*")
    assert code == 1
    assert err.startswith("upres: in/a.jpg and in/a.png would both be written to out/a_x4.png")
    assert "2 of 5 pictures could not be enlarged" in err
    assert names(tree / "out") == ["deep/er/b_x4.png", "deep/日本_x4.png", "thumbs/c_x4.png", batch.MANIFEST]
    failed = [line["input"] for line in entries(tree / "out" / batch.MANIFEST) if line["error"]]
    assert failed == ["in/a.jpg", "in/a.png"]
    # What is there is neither's for sure: it is not taken for done.
    write(noise(4, 4), tree / "out/a_x4.png")
    assert command("in", "-o", "out", "--model", "bicubic", "--format", "png", "--exclude", "bad*")[0] == 1


def test_two_named_inputs_with_one_output_are_refused_up_front(tree: Path, command: Command) -> None:
    write(noise(4, 4), tree / "in/a.jpg")
    code, _, err = command("in/a.png", "in/a.jpg", "-o", "out", "--model", "bicubic", "--format", "png")
    assert code == 2
    assert err.startswith("upres: in/a.png and in/a.jpg would both be written to out/a_x4.png")
    assert not (tree / "out").exists()


def test_a_name_that_is_no_text(tree: Path, command: Command) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        write(noise(6, 6), tree / "in" / name)
    except OSError:
        pytest.skip("this file system takes text only")
    arguments = ("in", "--include", "caf*", "-o", "out", "--model", "bicubic", "--scale", "2")
    assert command(*arguments)[0] == 0
    assert read(tree / "out" / os.fsdecode(b"caf\xe9_x2.png")).width == 12
    assert entries(tree / "out" / batch.MANIFEST)[0]["input"] == f"in/{name}"


def test_standard_input_and_output(tree: Path, forks: ForkServer) -> None:
    content = (tree / "in/a.png").read_bytes()
    done = subprocess.run(
        [*UPRES, "-", "--model", "bicubic", "--scale", "2"], input=content, capture_output=True, check=True
    )
    assert done.stderr == b""
    assert forks.run("in/a.png", "-o", "a.png", "--model", "bicubic", "--scale", "2").returncode == 0
    assert done.stdout == (tree / "a.png").read_bytes()
    done = subprocess.run([*UPRES, "-", "--model", "bicubic"], input=b"text", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"upres: standard input: not a picture")


def large(tree: Path) -> list[str]:
    """Three pictures that take half a second each, and how to enlarge them."""
    for number in range(3):
        path = tree.joinpath("many", *["sub"] * number, f"p{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write(noise(500, 500, number), path)
    return ["many", "-o", "made", "--model", "bicubic", "--scale", "3"]


def pictures(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != batch.MANIFEST
    }


@pytest.mark.slow
def test_killing_at_any_moment_and_running_again_gives_the_same_files(tree: Path, forks: ForkServer) -> None:
    again = large(tree)
    assert forks.run(*again).returncode == 0
    expected = pictures(tree / "made")
    (tree / "made").rename(tree / "first")
    for _ in range(3):
        process = forks.start(*again)
        before = set(names(tree / "made")) if (tree / "made").exists() else set()
        for _ in range(2000):  # until it is in the middle of a file
            now = set(names(tree / "made")) if (tree / "made").exists() else set()
            if any(".upres-" in name for name in now - before):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = forks.run(*again)
    assert done.returncode == 0
    assert done.err.startswith("upres: ")
    assert " there already, 0 failed, " in done.err
    assert done.err.count("\n") == 1
    assert pictures(tree / "made") == expected


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tree: Path, forks: ForkServer) -> None:
    process = forks.start(*large(tree))
    while "\n" not in process.out:
        assert process.poll() is None
        time.sleep(0.01)
    assert process.out.startswith("many/p0.png")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    lines = process.err.splitlines()
    assert lines[0].endswith("there already, 0 failed; the same command again does the rest")
    assert lines[1:] == ["upres: interrupted"]
    assert not [name for name in names(tree / "made") if ".upres-" in name]


def test_only_what_nobody_holds_is_cleared_away(tmp_path: Path) -> None:
    stale = tmp_path / ".photo.upres-0123456789abcdef.png"
    for path in (stale, tmp_path / ".photo.upres-mine.png", tmp_path / ".other.png"):
        path.write_bytes(b"x")
    with whole_file(tmp_path / "now.png") as temporary:
        temporary.write_bytes(b"y")
        assert re.fullmatch(r"\.now\.upres-[0-9a-f]{16}\.png", temporary.name)
        assert clear_unfinished(tmp_path) == 1
        assert temporary.exists()
    assert names(tmp_path) == [".other.png", ".photo.upres-mine.png", "now.png"]


def test_a_manifest_whose_last_line_was_cut_goes_on_on_a_new_line(tree: Path, command: Command) -> None:
    log = tree / "log.jsonl"
    log.write_text('{"output": "x"}\n{"outp')
    assert command("in/a.png", "--model", "bicubic", "--manifest", "log.jsonl")[0] == 0
    lines = log.read_text().splitlines()
    assert lines[:2] == ['{"output": "x"}', '{"outp']
    assert json.loads(lines[2])["input"] == "in/a.png"


def test_sizes_of_every_picture_follow_from_the_box(tree: Path, command: Command) -> None:
    code, _, _ = command("in", "-o", "out", "--model", "bicubic", "--fit", "90x44", "--exclude", "bad*", "-q")
    assert code == 0
    assert {read(path).width for path in (tree / "out").rglob("*.png")} <= set(range(50, 91))
    assert (tree / "out/a_90x44.png").is_file()
    assert read(tree / "out/a_90x44.png").pixels.shape == (44, 66, 3)


def test_a_small_halo_is_warned_of_once(tree: Path, command: Command) -> None:
    (tree / "tiny.onnx").write_bytes(tiny_onnx())
    inputs = ("in/a.png", "in/deep/er/b.jpg", "--model", "tiny.onnx", "--tile", "8")
    code, _, err = command(*inputs, "--halo", "0", "--backend", "onnx", "--manifest", "m.jsonl")
    assert code == 0
    assert err.count("upres: warning: tiles do not see all that the model looks at") == 1
    assert all(entry["worst_difference"] > 0 for entry in entries(Path("m.jsonl")))  # type: ignore[operator]
