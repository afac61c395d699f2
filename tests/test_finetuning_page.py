"""docs/finetuning.md: its commands run as they stand, on generated JPEGs of any size, with fewer steps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.commands import Command
from tests.small_runs import save_photos
from upres.image import read_header
from upres.recipes import new_network, parse_recipe, shipped_recipes
from upres.train.freezing import freeze

PAGE = Path(__file__).resolve().parents[1] / "docs" / "finetuning.md"
SHORT = "--set train.epochs=1 --set train.steps_per_epoch=2 --set train.batch=2 --set train.samples=1"


@pytest.mark.slow
def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    save_photos(tmp_path / "my-photos", 6)
    save_photos(tmp_path / "held-out", 1)
    (tmp_path / "held-out" / "0.jpg").rename(tmp_path / "photo.jpg")
    block = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert [line[:2] for line in lines] == [
        ["pip", "install"],
        *(["upres", verb] for verb in ("train", "evaluate", "export", "photo.jpg")),
    ]
    said = ""
    for line in lines[1:]:
        more = shlex.split(SHORT) if line[1] == "train" else []
        code, out, err = command(*line[1:], *more)
        assert code == 0, err
        said += out + err
    assert "28 of 28 tensors start from base" in said
    assert "train: my-photos: 2 pictures, 1 smaller ones left out (shuffle 1, skip 4, take 64, shrink 2)" in said
    header = read_header(tmp_path / "photo-mine.jpg")
    assert (header.height, header.width) == (33 * 64, 40 * 64)


def test_what_it_freezes_there_is() -> None:
    block = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    values = yaml.safe_load(shipped_recipes()["finetune-x4"].read_text(encoding="utf-8"))
    recipe = parse_recipe({**values, "train": {**values["train"], **yaml.safe_load(block)["train"]}}, where="page")
    frozen = freeze(new_network(recipe)[1], recipe.train.freeze)
    assert len(frozen) == 2 + 4 * 4
