"""Shards, lists and manifests: a part of the work by names alone, and what all parts came to."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.commands import UPRES, Command, names
from tests.small_pictures import picture
from upres.errors import ConfigError
from upres.image import Picture, write
from upres.storage.scratch import scratch_folder
from upres.upscaling import batch
from upres.upscaling.batch.items import Selection
from upres.upscaling.batch.lists import names_from
from upres.upscaling.batch.manifest import fingerprint
from upres.upscaling.batch.names import NameTable
from upres.upscaling.batch.shards import Shard, parse_shard

MODEL = ("--model", "bicubic", "--scale", "2", "-q")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """24 small pictures in a tree, and one that is broken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(24):
        pixels = rng.integers(0, 256, (6, 8 + number, 3), dtype=np.uint8)
        write(Picture(pixels), tmp_path / f"in/{'deep/' * (number % 2)}{number}.png")
    (tmp_path / "in/bad.png").write_bytes((tmp_path / "in/0.png").read_bytes()[:60])
    return tmp_path


def made(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in names(out) if not name.endswith(".jsonl")}


def without_times(text: str) -> list[dict[str, object]]:
    return [json.loads(line) | {"seconds": 0} for line in text.splitlines()]


def told(line: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in line.items() if value is not None}


def test_shards_in_any_order_are_one_run(folder: Path, command: Command) -> None:
    assert command("in", "-o", "one", *MODEL)[0] == 1
    order = list(range(1, 6))
    random.Random(1).shuffle(order)
    codes = [command("in", "-o", "out", *MODEL, "--shard", f"{number}/5")[0] for number in order]
    assert sorted(codes) == [0] * 4 + [1]
    assert made(folder / "out") == made(folder / "one")
    assert len(list((folder / "out").glob("upres-manifest-*-of-5.jsonl"))) == 5

    code, out, _ = command("manifest", "merge", "out")
    assert code == 0
    _, single, _ = command("manifest", "merge", "one")
    assert without_times(out.replace('"out/', '"one/')) == without_times(single)
    assert len(out.splitlines()) == 25


def test_names_stay_in_their_shards_whatever_comes_beside_them() -> None:
    shards = [Shard(number, 5) for number in range(1, 6)]
    found = {name: [shard.number for shard in shards if shard.has(name)] for name in map(str, range(1000))}
    assert all(len(numbers) == 1 for numbers in found.values())
    counts = [sum(numbers == [shard.number] for numbers in found.values()) for shard in shards]
    assert min(counts) > 150
    # What may become one file is seen by one worker.
    assert all(shard.has("a/b.png") == shard.has("a/b.jpg") for shard in shards)
    # These have been so since the first release: runs go on after an update.
    assert [next(shard.number for shard in shards if shard.has(name)) for name in ("a.png", "日本/b.jpg", "c")] == [
        4,
        4,
        1,
    ]


def test_shards_are_read_from_words_and_from_job_arrays() -> None:
    assert parse_shard("3/16") == Shard(3, 16)
    assert Shard(3, 16).label == "-03-of-16" and Shard().label == ""
    slurm = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_STEP": "2"}
    assert parse_shard("auto", {**slurm, "SLURM_ARRAY_TASK_COUNT": "4"}) == Shard(2, 4)
    assert parse_shard("auto/4", {"JOB_COMPLETION_INDEX": "0"}) == Shard(1, 4)
    for text, environment, said in (
        ("0/16", {}, "shard 0/16: the first of 16 is 1/16, the last 16/16"),
        ("17/16", {}, "shard 17/16: the first of 16 is 1/16"),
        ("3", {}, "write it as 3/16, auto or auto/16"),
        ("auto", {}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "does not say of how many; write it as auto/16"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "two"}, "JOB_COMPLETION_INDEX is 'two': should be a whole number"),
    ):
        with pytest.raises(ConfigError, match=said):
            parse_shard(text, environment)


def test_names_come_by_standard_input(folder: Path) -> None:
    def ended(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*UPRES, *arguments, "--from", "-", *MODEL]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    for given, text in ((["in"], "0.png\ndeep/1.png\n"), ([], "in/0.png\nin/deep/1.png\n")):
        done = ended(text, *given, "-o", f"out{len(given)}")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(made(folder / f"out{len(given)}")) == 2
    assert ended("", "in", "-o", "none").returncode == 2


def test_lists_of_every_kind(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("names.txt").write_text("0.png\n\n# not this\nin/deep/1.png\nnone.png\n../in/2.png\n")
    code, _, err = command("in", "--from", "names.txt", "-o", "out", *MODEL)
    assert code == 1
    assert names(folder / "out") == ["0_x2.png", "deep/1_x2.png", batch.MANIFEST]
    assert "in/none.png: no such file" in err and "../in/2.png: leads out of its folder" in err
    # Whole names keep their folders.
    Path("whole.txt").write_text(f"{folder}/in/0.png\nin/deep/1.png\n")
    assert command("--from", "whole.txt", "-o", "there", *MODEL)[0] == 0
    assert set(made(folder / "there")) == {f"{str(folder)[1:]}/in/0_x2.png", "in/deep/1_x2.png"}

    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"number": [1, 2], "url": ["a", "b"]}), "names.parquet")
    assert list(names_from("names.parquet")) == ["a", "b"]
    parquet.write_table(pyarrow.table({"number": [1, 2]}), "none.parquet")
    with pytest.raises(ConfigError, match=r"none.parquet: no column of this Parquet file is text"):
        list(names_from("none.parquet"))
    with pytest.raises(ConfigError, match=r"missing.txt: cannot be read \(No such file or directory\)"):
        list(names_from("missing.txt"))


def test_manifests_as_parquet_say_what_json_lines_say(folder: Path, command: Command) -> None:
    pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for number in (1, 2):
        command("in", "-o", "out", *MODEL, "--shard", f"{number}/2")
    own = {
        "input": "in/late.png",
        "output": "out/late.png",
        "scale": "two",
        "bytes": True,
        "seconds": 5,
        "said": {"by": ["me"]},
    }
    Path("more.jsonl").write_text(json.dumps(own) + "\n")
    assert command("manifest", "merge", "out", "more.jsonl", "-o", "all.jsonl")[0] == 0
    assert command("manifest", "merge", "out", "more.jsonl", "-o", "all.parquet")[0] == 0
    lines = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    table = parquet.read_table("all.parquet")
    assert len(lines) == table.num_rows == 26
    assert table.column("output").to_pylist() == [line["output"] for line in lines]
    assert table.column("seconds").to_pylist()[0] == lines[0]["seconds"]

    code, out, _ = command("manifest", "merge", "all.parquet")
    back = [json.loads(line) for line in out.splitlines()]
    # What a line left out may be null; nothing else differs.
    assert code == 0 and [told(line) for line in back] == [told(line) for line in lines]
    assert command("manifest", "status", "all.parquet") == command("manifest", "status", "out", "more.jsonl")

    assert command("manifest", "retry", "all.parquet", "-o", "again.parquet")[0] == 0
    assert list(names_from("again.parquet")) == ["in/bad.png"]
    (folder / "in/bad.png").write_bytes((folder / "in/0.png").read_bytes())
    assert command("--from", "again.parquet", "-o", "late", *MODEL)[0] == 0
    assert "in/bad_x2.png" in made(folder / "late")


def test_parquet_files_that_are_none(folder: Path, command: Command) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("text.parquet").write_text("no such thing")
    parquet.write_table(pyarrow.table({"name": [f"{number}.png" for number in range(30_000)]}), "list.parquet")
    whole = Path("list.parquet").read_bytes()
    Path("cut.parquet").write_bytes(whole[:9000])
    Path("holed.parquet").write_bytes(bytes(len(whole) // 2) + whole[len(whole) // 2 :])
    for given in ("text.parquet", "cut.parquet", "holed.parquet"):
        code, _, err = command("in", "--from", given, "-o", "out", *MODEL)
        assert code == 2 and f"{given}: " in err and "Parquet" in err and err.count("\n") == 1, err
    code, _, err = command("manifest", "status", "list.parquet")
    assert code == 2 and "list.parquet: is no manifest: has no column input" in err
    code, _, err = command("manifest", "status", "missing.parquet")
    assert code == 2 and "missing.parquet: cannot be read (No such file or directory)" in err
    # A name that is no Unicode stays out of text columns, and nothing half written is left.
    Path("odd.jsonl").write_text(json.dumps({"input": "in/\udcff.png", "output": "x", "error": "?"}) + "\n")
    code, _, err = command("manifest", "merge", "odd.jsonl", "-o", "odd.parquet")
    assert code == 2, err
    assert "odd.parquet: cannot hold the name in/\\udcff.png, which is no Unicode" in err
    assert [path.name for path in Path().iterdir() if "odd" in path.name] == ["odd.jsonl"]
    assert command("manifest", "retry", "odd.jsonl", "-o", "odd.txt")[0] == 0
    assert Path("odd.txt").read_bytes() == b"in/\xff.png\n"


def test_parquet_without_what_reads_it(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("list.parquet").touch()
    for words in (
        ("in", "--from", "list.parquet", "-o", "out", *MODEL),
        ("manifest", "merge", "list.parquet"),
        ("manifest", "merge", "some.jsonl", "-o", "all.parquet"),
    ):
        Path("some.jsonl").write_text("")
        code, _, err = command(*words)
        assert code == 2 and 'in Parquet needs pyarrow: pip install "upres[parquet]"' in err, err


def test_a_run_writes_no_parquet(folder: Path, command: Command) -> None:
    code, _, err = command("in", "-o", "out", *MODEL, "--manifest", "all.parquet")
    assert code == 2 and "a run appends JSON lines" in err and not Path("out").exists()


def test_names_are_taken_as_they_come() -> None:
    """Neither all of them nor their outputs are held."""
    taken = 0

    def endless():
        nonlocal taken
        for taken in range(10**9):
            yield f"{taken}.png"

    items = Selection("_x4").items(endless(), listed=True)
    assert [next(items).target for _ in range(3)] == ["0_x4.png", "1_x4.png", "2_x4.png"]
    assert taken == 2
    two = list(Selection("_x4", "png").items(["a.jpg", "b.txt", ".c.png", "a.gif"], listed=True))
    assert [item.target for item in two] == ["a_x4.png", "a_x4.png"]
    assert two[0].error is None and "a.gif: another picture before it is written to a_x4.png too" in str(two[1].error)


def test_millions_of_names_in_little_memory() -> None:
    table = NameTable()
    assert all(table.put(f"pictures/{number}.png", number % 65536) for number in range(20_000))
    assert not table.put("pictures/7.png", 9)
    assert (len(table), table.get("pictures/7.png"), table.get("pictures/19999.png")) == (20_000, 9, 19_999)
    assert table.get("none") is None
    assert table._keys.itemsize * len(table._keys) < 20_000 * 27


def test_what_a_manifest_tells(folder: Path, command: Command) -> None:
    assert command("in", "-o", "out", *MODEL)[0] == 1
    code, out, _ = command("manifest", "status", "out")
    assert code == 0
    assert [line.split() for line in out.splitlines()[:4]] == [
        ["24", "made"],
        ["0", "there", "already"],
        ["1", "failed"],
        ["1", "PictureError"],
    ]
    status = json.loads(command("manifest", "status", "out", "--json")[1])
    assert status["states"] == {"made": 24, "there already": 0, "failed": 1}
    assert status["bytes"] == sum(map(len, made(folder / "out").values()))

    assert command("manifest", "retry", "out", "--error", "PictureError") == (0, "in/bad.png\n", "")
    code, _, err = command("manifest", "retry", "out", "--error", "Picture")
    assert (code, err) == (2, "upres: Picture: nothing failed so; there are PictureError (--error)\n")
    write(picture(height=6, width=8), folder / "in/bad.png")
    assert command("manifest", "retry", "out", "-o", "again.txt")[0] == 0
    assert command("in", "--from", "again.txt", "-o", "out", *MODEL)[0] == 0
    assert json.loads(command("manifest", "status", "out", "--json")[1])["errors"] == {}

    assert command("manifest", "verify", "out", "--digests") == (
        0,
        "",
        "25 of 25 outputs are as they were written\n",
    )
    (folder / "out/0_x2.png").unlink()
    (folder / "out/2_x2.png").write_bytes(b"cut")
    other = bytearray((folder / "out/4_x2.png").read_bytes())
    other[-20] ^= 1
    (folder / "out/4_x2.png").write_bytes(other)
    code, out, _ = command("manifest", "verify", "out")
    assert code == 1
    assert [line.partition(": ")[0] for line in out.splitlines()] == ["out/0_x2.png", "out/2_x2.png"]
    code, out, _ = command("manifest", "verify", "out", "--digests")
    assert "out/4_x2.png: has other bytes than were written" in out.splitlines()
    assert command("manifest", "status", "in")[2] == (
        "upres: in: holds no upres-manifest*.jsonl; name the folder that was written into, or a manifest\n"
    )


def test_an_old_manifest_is_read(folder: Path, command: Command) -> None:
    """As versions wrote it that said neither settings nor digests."""
    Path("old.jsonl").write_text(
        '{"input": "a", "output": "in/0.png", "error": null}\n{"input": "b", "error": "x"}\n{"inp'
    )
    code, out, _ = command("manifest", "status", "old.jsonl", "--json")
    status = json.loads(out)
    assert (code, status["errors"], status["fingerprints"]) == (0, {"unknown": 1}, {"unknown": 1})
    assert command("manifest", "verify", "old.jsonl", "--digests")[0] == 0


def test_the_fingerprint_tells_settings_and_weights() -> None:
    settings = {"model": "fast", "quality": 95, "weights": batch.weights("fast")}
    same = dict(reversed(settings.items()))
    others = [settings | {"quality": 80}, settings | {"weights": batch.weights("base")}]
    told = [fingerprint(each) for each in (settings, same, *others)]
    assert told[0] == told[1] and len(set(told)) == 3
    assert batch.weights("base-photo") == batch.weights("base") and batch.weights("bicubic") == ""


def test_what_a_killed_run_left_among_temporary_files_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old = tmp_path / "upres-scratch-old"
    old.mkdir()
    (old / "held").touch()
    with scratch_folder() as first:
        assert not old.exists()
        with scratch_folder() as second:
            assert first.is_dir() and second != first
    assert not list(tmp_path.iterdir())
