"""A package that is not ours trains, evaluates and exports: the one of docs/extending.md, laid out as pip does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.forks import ForkServer
from tests.small_runs import SMALL, rows_of, save_smooth
from upres.config import Table
from upres.image import read
from upres.models.onnx_facts import read_facts

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
Told = dict[str, list[Any]]
FILES = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed package, its source as the page has it, pictures, and a recipe that asks for its parts."""
    folder = tmp_path_factory.mktemp("extending")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    points = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in rows.items()) for group, rows in groups]
    (info / "entry_points.txt").write_text("\n".join(points))
    save_smooth(folder / "train", 3)
    save_smooth(folder / "validation", 2)
    recipe = {
        **SMALL,
        "arch": {"name": "mine-net", "kernel": 7},
        "losses": ["l1", {"name": "mine-edges", "power": 2}],
        "degradation": "mine-pick",
        "data": {**SMALL["data"], "train": [*SMALL["data"]["train"], {"name": "mine-boards", "count": 2}]},
        "train": {**SMALL["train"], "epochs": 1, "steps_per_epoch": 3, "loggers": []},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


COMMANDS = {
    "train": ["train", "recipe.yaml", "--run", "run"],
    "evaluate": ["evaluate", "run/best.safetensors", "bicubic", "--recipe", "recipe.yaml", "--data", "."],
    "export": ["export", "run/best.safetensors", "-o", "mine.onnx"],
    "upscale": ["upscale", "validation/0.png", "--model", "mine.onnx", "-o", "large.png", "--precision", "fp32"],
    "reference": [
        *("upscale", "validation/0.png", "--model", "mine.onnx", "-o", "reference.png", "-v"),
        *("--backend", "mine-reference"),
    ],
    "backend": ["upscale", "validation/0.png", "--model", "mine.onnx", "--backend", "mine-refrence"],
    "even": ["train", "recipe.yaml", "--set", "arch.kernel=4"],
    "nearly": ["train", "recipe.yaml", "--set", "arch.name=mine-nett"],
}
# One process that calls the command again and again.
DRIVER = """
import contextlib, io, json, runpy, sys
from upres.cli.main import main
told = {}
for name, arguments in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as leaving:
            told[name] = [leaving.code, out.getvalue(), err.getvalue()]
out = io.StringIO()
with contextlib.redirect_stdout(out):
    runpy.run_path("script.py", run_name="__main__")
told["script"] = [0, out.getvalue(), ""]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(work: Path, forks: ForkServer) -> Told:
    """Exit code, output and errors of each command, and of the page's script."""
    environment = {"PYTHONPATH": str(work), "UPRES_CACHE": str(work / "cache")}
    done = forks.run(json.dumps(COMMANDS), code=DRIVER, folder=work, environment=environment)
    assert done.returncode == 0, done.err
    found: Told = json.loads(done.out.splitlines()[-1])
    return found


def output(told: Told, name: str) -> str:
    code, out, err = told[name]
    assert code == 0, err
    return out


def test_its_parts_train(told: Told, work: Path) -> None:
    assert output(told, "train").strip() == "run/best.safetensors"
    row = rows_of(work / "run")[-1]
    assert row["train_mine-edges"] > 0 and row["train_loss"] == pytest.approx(row["train_l1"] + row["train_mine-edges"])


def test_its_network_is_evaluated_on_what_its_degradation_makes(told: Told) -> None:
    table = output(told, "evaluate")
    assert "lr as the recipe makes it: mine-pick" in table and "run/best.safetensors" in table


def test_its_metric_stands_beside_ours(told: Told, work: Path) -> None:
    assert "worst (levels)" in output(told, "evaluate")
    rows = (work / "evaluation" / "pictures.csv").read_text().splitlines()[1:]
    column = rows[0].split(",").index("mine-worst")
    assert all(0 < float(row.split(",")[column]) <= 255 for row in rows[1:])


def test_its_source_gives_pictures(told: Told) -> None:
    assert "train: 2 boards" in told["train"][2] + told["train"][1]


def test_its_runtime_enlarges_as_ours_does(told: Told, work: Path) -> None:
    output(told, "reference")
    assert "reference cpu fp32" in told["reference"][2]
    ours, theirs = (read(work / name).pixels.astype(int) for name in ("large.png", "reference.png"))
    assert np.abs(ours - theirs).max() <= 1  # another order of the same sums, then rounding
    code, _, said = told["backend"]
    assert code == 2 and "did you mean mine-reference? Known: " in said


def test_its_network_is_exported_and_enlarges(told: Told, work: Path) -> None:
    assert "1,776 parameters" in output(told, "export")
    facts = read_facts(work / "mine.onnx")
    assert facts.arch == {"name": "mine-net", "kernel": 7} and facts.degradation == {"name": "mine-pick"}
    assert facts.radius == 3
    output(told, "upscale")
    assert (work / "large.png").is_file()


def test_what_is_wrong_with_its_parts_is_told_as_of_ours(told: Told) -> None:
    assert told["even"] == [2, "", "upres: arch.kernel=4: arch.kernel = 4: should be odd (--set)\n"]
    code, _, said = told["nearly"]
    assert code == 2
    assert said.startswith("upres: arch.name=mine-nett: arch.name = 'mine-nett' is unknown: did you mean mine-net?")


def test_a_script_adds_parts_by_one_call(told: Told, work: Path) -> None:
    assert output(told, "script").strip() == "run-of-script/best.safetensors"
    assert rows_of(work / "run-of-script")[-1]["train_my-edges"] > 0


def test_the_page_names_tables_that_there_are() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)\.(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 11
    for group, module, name in rows:
        table = getattr(__import__(module, fromlist=[name]), name)
        assert isinstance(table, Table) and table.group == group
