"""A package that is not ours trains, evaluates and exports: the one of docs/extending.md, laid out as pip does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import upres
from small_runs import SMALL, rows_of, save_smooth
from upres.config import Table
from upres.models.onnx_facts import read_facts

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
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
        "train": {**SMALL["train"], "epochs": 1, "steps_per_epoch": 3, "loggers": []},  # type: ignore[dict-item]
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def run(work: Path, *arguments: str, code: int = 0) -> str:
    source = str(Path(upres.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(work), source]), "UPRES_CACHE": str(work / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_its_parts_train_evaluate_and_export(work: Path) -> None:
    upres = ("-m", "upres")
    best = run(work, *upres, "train", "recipe.yaml", "--run", "run").strip()
    assert best == "run/best.safetensors"
    row = rows_of(work / "run")[-1]
    assert row["train_mine-edges"] > 0 and row["train_loss"] == pytest.approx(row["train_l1"] + row["train_mine-edges"])
    said = run(work, *upres, "evaluate", best, "bicubic", "--recipe", "recipe.yaml", "--data", ".")
    assert "lr as the recipe makes it: mine-pick" in said and "run/best.safetensors" in said
    assert "1,776 parameters" in run(work, *upres, "export", best, "-o", "mine.onnx")
    facts = read_facts(work / "mine.onnx")
    assert facts.arch == {"name": "mine-net", "kernel": 7} and facts.degradation == {"name": "mine-pick"}
    assert facts.radius == 3
    run(work, *upres, "validation/0.png", "--model", "mine.onnx", "-o", "large.png")
    assert (work / "large.png").is_file()


def test_what_is_wrong_with_them_is_told_as_of_ours(work: Path) -> None:
    for setting, said in (
        ("arch.kernel=4", "recipe.yaml: arch.kernel = 4: should be odd"),
        ("arch.name=mine-nett", "recipe.yaml: arch.name = 'mine-nett' is unknown: did you mean mine-net?"),
    ):
        assert said in run(work, "-m", "upres", "train", "recipe.yaml", "--set", setting, code=2)


def test_a_script_adds_parts_by_one_call(work: Path) -> None:
    assert run(work, "script.py").strip() == "run-of-script/best.safetensors"
    assert rows_of(work / "run-of-script")[-1]["train_my-edges"] > 0


def test_the_page_names_tables_that_there_are() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)\.(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 8
    for group, module, name in rows:
        table = getattr(__import__(module, fromlist=[name]), name)
        assert isinstance(table, Table) and table.group == group
