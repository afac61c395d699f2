"""All bad files that we can think of in one folder, through the real command: no one of them stops the others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import bad_pictures
from tests.commands import names
from tests.forks import Forked, ForkServer
from upres.image import read_header


def lines_of(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def run(folder: Path, forks: ForkServer) -> Forked:
    return forks.run("in", "-o", "out", "--model", "bicubic", "--scale", "2", folder=folder)


def check_said(done: Forked) -> None:
    """Hold what is printed to lines of upres: nothing of libvips, GLib or a traceback, and no control character."""
    assert done.returncode == 1
    said = done.err.rstrip("\n").split("\n")
    assert [line for line in said if not line.startswith("upres: ")] == []
    assert not [line for line in said if re.search(r"bug|report it|Traceback|VIPS|GLib|\.upres-[0-9a-f]", line)]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", done.out + done.err)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], set[str]]:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "in").mkdir()
    return folder, bad_pictures.good(folder / "in"), bad_pictures.bad(folder / "in")


@pytest.mark.slow
def test_good_ones_are_written_and_each_bad_one_is_a_row(
    made: tuple[Path, set[str], set[str]], forks: ForkServer
) -> None:
    folder, good, bad = made
    assert len(bad) > 120
    done = run(folder, forks)
    check_said(done)
    rows = lines_of(folder / "out/upres-manifest.jsonl")
    assert {row["input"].removeprefix("in/") for row in rows if row["error"] is None} == good
    assert {row["input"].removeprefix("in/") for row in rows if row["error"] is not None} == bad
    assert not [row["error"] for row in rows if row["error"] and "\n" in row["error"].replace(row["input"], "")]
    assert f"upres: {len(good)} of {len(good | bad)} pictures enlarged, 0 there already, {len(bad)} failed" in done.err
    assert done.out.count("\n") == len(good)
    outputs = {row["output"].removeprefix("out/"): row for row in rows if row["error"] is None}
    assert set(names(folder / "out")) == {*outputs, "upres-manifest.jsonl"}  # and no temporary file
    for name, row in outputs.items():
        header = read_header(folder / "out" / name)
        assert [header.width, header.height] == row["output_size"]

    # Running again does what is due: nothing of what is there, and the bad ones once more.
    times = {name: (folder / "out" / name).stat().st_mtime_ns for name in outputs}
    again = run(folder, forks)
    check_said(again)
    assert f"0 of {len(good | bad)} pictures enlarged, {len(good)} there already, {len(bad)} failed" in again.err
    assert again.out == ""
    assert {name: (folder / "out" / name).stat().st_mtime_ns for name in outputs} == times
    later = lines_of(folder / "out/upres-manifest.jsonl")[len(rows) :]
    assert {row["input"].removeprefix("in/") for row in later} == bad
    assert set(names(folder / "out")) == {*outputs, "upres-manifest.jsonl"}
