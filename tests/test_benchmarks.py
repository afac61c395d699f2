"""The scripts beside the package: they start, state their marks, and `all` runs what the documents say it runs."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from benchmarks import all as every
from benchmarks import newcomers, plain_loop
from benchmarks.marks import COUNTED, Mark, counted, held_against
from upres.archs.plainres import PlainRes, PlainResConfig
from upres.image import Picture, write
from upres.recipes import read_recipe

ROOT = Path(__file__).resolve().parents[1]
SHARED = {"common", "marks", "plain_loop", "processes", "shown_parts", "store"}
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
SCRIPTS = [
    f"{folder}.{path.stem}"
    for folder in ("benchmarks", "tools")
    for path in sorted((ROOT / folder).glob("*.py"))
    if path.stem not in {"__init__", *SHARED}
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_answers_help_and_says_how_it_is_run(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module(name)
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as left:
        script.main()
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert f"python -m {name}" in said and "options:" in said
    assert "../" not in said


def test_all_runs_every_benchmark_but_itself_and_what_installs_other_projects() -> None:
    scripts = {name.partition(".")[2] for name in SCRIPTS if name.startswith("benchmarks.")}
    assert scripts - {"all", "newcomers"} == set(every.BENCHMARKS)
    assert "python -m benchmarks.newcomers" in PAGE


def test_the_page_lists_what_all_runs_with_what_it_needs_and_its_marks() -> None:
    lines = re.findall(r"^\| `benchmarks/(\w+)\.py` \|(.*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in lines] == list(every.BENCHMARKS)
    for name, cells in lines:
        _, needs, marks = (cell.strip() for cell in cells.split("|"))
        said = re.findall(r"`([A-Z]+)`", needs)
        assert said == [folder.upper() for folder in every.BENCHMARKS[name].needs], name
        script = importlib.import_module(f"benchmarks.{name}")
        stated = [str(value) for value in vars(script).values() if isinstance(value, Mark)]
        assert marks.split("; ") == (stated or [""]), name


@pytest.mark.parametrize("quick", [False, True])
def test_every_line_is_understood_by_its_script(
    quick: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --help behind it, each line is read as far as a wrong option would stop it."""
    folders = {name: f"/{name}" for name in every.FOLDERS}
    for name in every.BENCHMARKS:
        for line in every.commands(name, folders, quick=quick):
            script = importlib.import_module(f"benchmarks.{name}")
            monkeypatch.setattr("sys.argv", [name, *line, "--help"])
            with pytest.raises(SystemExit) as left:
                script.main()
            known = capsys.readouterr().out
            assert left.value.code == 0, name
            assert all(word in known for word in line if word.startswith("--")), f"{name}: {line}"


def test_newcomers_tells_seams_from_none_and_what_was_kept(tmp_path: Path) -> None:
    newcomers.pictures(tmp_path)
    for name in ("photo.jpg", "deep.png", "alpha.png", "whole.png", "part.png"):
        (tmp_path / f"large-{name}").write_bytes((tmp_path / name).read_bytes())
    assert newcomers.kept(tmp_path) == dict.fromkeys(("profile", "EXIF", "16 bits", "alpha"), "yes")
    assert newcomers.seam(tmp_path / "whole.png", tmp_path / "part.png", 1) == 0
    tiled = pyvips.Image.new_from_file(str(tmp_path / "whole.png")).copy_memory()
    tiled.draw_rect([0, 0, 0], 320, 240, 1, 1).write_to_file(str(tmp_path / "tiled.png"))
    assert newcomers.seam(tmp_path / "tiled.png", tmp_path / "part.png", 1) > 0
    for name in ("photo.jpg", "deep.png", "alpha.png"):  # what loses everything
        pyvips.Image.black(4, 4).write_to_file(str(tmp_path / f"large-{name}"), strip=True)
    assert set(newcomers.kept(tmp_path).values()) == {"no"}
    (tmp_path / "large-deep.png").unlink()
    assert newcomers.kept(tmp_path)["16 bits"] == "refused"
    assert (
        newcomers.last_line("Traceback\n  File x\nValueError: no such model\n\n   ^^^^\n")
        == "ValueError: no such model"
    )


def test_the_plain_loop_is_one_of_forty_lines_and_learns(tmp_path: Path) -> None:
    text = Path(plain_loop.__file__).read_text(encoding="utf-8")
    lines = [line for line in text.split('"""')[2].splitlines() if line.strip()]
    assert len(lines) <= 40
    write(Picture(np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)), tmp_path / "a.png")
    plain_loop.train([str(tmp_path / "a.png")], 2, str(tmp_path / "weights.pt"))
    network = PlainRes(PlainResConfig(width=32, blocks=6), scale=4, channels=3)
    network.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    recipe = read_recipe("base-x4")
    assert recipe.arch.dump() == {"name": "plainres", **dataclasses.asdict(PlainResConfig(width=32, blocks=6))}
    assert (recipe.train.batch, recipe.data.patch, recipe.train.clip, recipe.train.ema) == (16, 32, 0.5, 0.999)
    assert [(weight, part.name) for weight, part in recipe.losses] == [(0.3, "l1"), (0.005, "log-mse")]


def test_what_lacks_its_folder_is_passed_over_and_what_is_there_is_used() -> None:
    assert every.commands("quality", {}, quick=False) == []
    assert every.commands("quality", {"data": "/sets"}, quick=False) == [["--data", "/sets"]]
    assert every.commands("backends", {}, quick=True) == [["--quick"]]
    assert every.commands("backends", {"data": "/sets"}, quick=True) == [["--quick", "--data", "/sets/Set5"]]
    assert every.commands("optimizers", {"photos": "/p"}, quick=True) == []
    assert every.BENCHMARKS["peers"].needs == ["data", "peers"]


@pytest.mark.parametrize(
    ("mark", "value", "reached"),
    [
        (Mark("m", "<", 5, "%"), 4.9, True),
        (Mark("m", "<", 5, "%"), 5.0, False),
        (Mark("m", "≤", 0), 0, True),
        (Mark("m", "≥", 1.8), 1.79, False),
        (Mark("m", "≥", 1.8), float("nan"), False),
        (Mark("m", "<", 1.8), float("nan"), False),
    ],
)
def test_marks(mark: Mark, value: float, reached: bool) -> None:
    assert mark.reached(value) is reached


def test_marks_are_printed_beside_the_number_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(COUNTED, str(tmp_path / "marks"))
    assert counted(tmp_path / "marks") == (0, [])
    mark = Mark("busy ÷ wall", "≥", 0.95)
    assert held_against(mark, 0.97) and not held_against(mark, 0.5, "base-x4")
    missed = "base-x4: busy ÷ wall: 0.5 (mark ≥ 0.95) MISSED"
    assert capsys.readouterr().out.splitlines() == ["busy ÷ wall: 0.97 (mark ≥ 0.95) reached", missed]
    assert counted(tmp_path / "marks") == (2, [missed])


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], "1 marks missed")])
def test_missed_marks_are_listed_and_fail_only_when_that_is_asked_for(
    strict: list[str], code: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "marks.py").write_bytes((ROOT / "benchmarks" / "marks.py").read_bytes())
    (package / "missing.py").write_text(
        "from benchmarks.marks import Mark, held_against\nheld_against(Mark('speed', '≥', 2), 1)\n", encoding="utf-8"
    )
    monkeypatch.setattr("sys.argv", ["all", "--only", "missing", *strict])
    ended: object = 0
    try:
        every.main({"missing": every.Benchmark()}, root=tmp_path)
    except SystemExit as left:
        ended = left.code
    said = capfd.readouterr().out
    assert ended == code
    told = [line for line in said.splitlines() if not line.startswith("other programs took")]  # beside these tests
    assert told[-4:] == ["## marks", "", "0 of 1 marks reached", "speed: 1 (mark ≥ 2) MISSED"]
