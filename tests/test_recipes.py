"""Recipe files: every key checked, every shipped one readable, what is resolved reads back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from tests.small_runs import save_smooth
from upres.config import build
from upres.data import SOURCES
from upres.data.cache import cached
from upres.errors import ConfigError, RenamedWarning
from upres.recipes import new_network, open_validation, parse_recipe, read_recipe, shipped_recipes

MINIMAL = {
    "name": "small",
    "scale": 2,
    "arch": "espcn",
    "data": {"train": [{"name": "folder", "path": "a"}], "validation": [{"name": "folder", "path": "b"}]},
    "train": {"epochs": 1},
}


def changed(**changes: object) -> dict[str, object]:
    return {**MINIMAL, **changes}


def fault(values: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as error:
        parse_recipe(values, where="r.yaml")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipe_reads_and_its_resolved_form_reads_back_the_same(name: str, tmp_path) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    recipe.save(tmp_path / "resolved.yaml")
    assert read_recipe(str(tmp_path / "resolved.yaml")) == recipe


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipe_states_its_result_and_cost(name: str) -> None:
    comment = shipped_recipes()[name].read_text().split("\nname:")[0]
    for word in ("Data:", "Result:", "Cost:"):
        assert word in comment, f"{name}.yaml: the first comment should have a line {word}"


def test_a_minimal_recipe_fills_in_what_papers_do() -> None:
    recipe = parse_recipe(MINIMAL, where="r.yaml")
    assert recipe.protocol.describe() == "luma BT.601 studio range, border 2, 8-bit"
    assert [part.name for _, part in recipe.losses] == ["l1"]
    assert recipe.degradation.dump() == {"name": "bicubic", "kernel": "matlab", "antialias": True}
    assert recipe.schedule.name == "constant"


def test_unknown_keys_name_the_nearest() -> None:
    assert fault(changed(archs="espcn")).startswith("r.yaml: unknown key archs = 'espcn': did you mean arch?")
    assert "unknown key train.epoch = 3: did you mean epochs?" in fault(changed(train={"epochs": 1, "epoch": 3}))
    assert "train.optimizer = 'soap': should be a mapping of name, rate, betas, " in fault(
        changed(train={"epochs": 1, "optimizer": "soap"})
    )
    assert (
        "unknown key train.optimizer.lr = 1: did you mean rate? Known: rate, betas, epsilon, name, weight_decay"
        in fault(changed(train={"epochs": 1, "optimizer": {"lr": 1}}))
    )
    assert "losses.0.name = 'l3' is unknown: did you mean l1?" in fault(changed(losses=[{"name": "l3"}]))
    assert "data.train.0.name = 'foldr' is unknown: did you mean folder?" in fault(
        changed(data={"train": [{"name": "foldr"}], "validation": MINIMAL["data"]["validation"]})  # type: ignore[index]
    )


def test_wrong_values_name_key_value_and_rule() -> None:
    assert "train.epochs = 'many': should be a valid integer" in fault(changed(train={"epochs": "many"}))
    assert "epochs = 0: should be at least 1" in fault(changed(train={"epochs": 0}))
    assert "samples = -1: should be at least 0" in fault(changed(train={"epochs": 1, "samples": -1}))
    assert "train.precision = 'int8' is unknown: Known: bf16, fp16, fp32" in fault(
        changed(train={"epochs": 1, "precision": "int8"})
    )
    assert "scale = 0: should be at least 1" in fault(changed(scale=0))
    assert "losses names a term twice (l1, l1)" in fault(changed(losses=["l1", "l1"]))
    assert "losses.0.weight = 'big': should be a number" in fault(changed(losses=[{"name": "l1", "weight": "big"}]))
    assert "data.train = None: should be a list of sources" in fault(
        changed(data={"validation": MINIMAL["data"]["validation"]})  # type: ignore[index]
    )


def test_what_is_missing_is_named() -> None:
    for key in ("name", "scale", "arch", "data", "train"):
        values = {k: v for k, v in MINIMAL.items() if k != key}
        assert fault(values) == f"r.yaml: {key} is missing and has no default"
    assert "train.epochs is missing and has no default" in fault(changed(train={}))


def test_settings_change_a_shipped_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(
        "cifar10-x2",
        settings=["train.epochs=3", "arch.width=16", "data.train.0.split=test", "train.optimizer.rate=1e-2"],
        data=tmp_path,
    )
    assert recipe.train.epochs == 3
    assert recipe.arch.config.width == 16
    assert recipe.train_sources[0].config.split == "test"
    assert recipe.train.optimizer.rate == 0.01
    assert recipe.data.root == str(tmp_path)


def test_settings_faults() -> None:
    for setting, text in (
        ("train.epochs", "train.epochs: should be key=value, for example train.epochs=3"),
        ("data.train.9.path=x", "data.train.9.path=x: there is no data.train.9.path in the recipe"),
        (
            "train.epochs={",
            "train.epochs={: not valid YAML (expected the node content, but found '<stream end>', line 1)",
        ),
    ):
        with pytest.raises(ConfigError) as error:
            read_recipe("cifar10-x2", settings=[setting])
        assert str(error.value) == text


def test_a_file_that_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cifar: no recipe of that name \(.*Known: .*; a recipe file ends in \.yaml"):
        read_recipe("cifar")
    with pytest.raises(ConfigError, match=r"gone\.yaml: no such recipe file"):
        read_recipe(str(tmp_path / "gone.yaml"))
    (tmp_path / "bad.yaml").write_text("a: [1,")
    with pytest.raises(ConfigError, match=r"bad\.yaml: not valid YAML"):
        read_recipe(str(tmp_path / "bad.yaml"))
    (tmp_path / "list.yaml").write_text(yaml.safe_dump([1, 2]))
    with pytest.raises(ConfigError, match=r"list\.yaml: holds list; a recipe is a mapping"):
        read_recipe(str(tmp_path / "list.yaml"))


def test_a_recipe_says_how_its_network_begins() -> None:
    begun = {}
    for name in ("own", "keras"):
        recipe = parse_recipe(changed(train={"epochs": 1, "initialization": name}), where="r.yaml")
        torch.manual_seed(0)
        begun[name] = next(new_network(recipe)[1].parameters())
    assert not torch.equal(begun["own"], begun["keras"])
    with pytest.raises(ConfigError, match=r"train\.initialization = 'kears' is unknown: did you mean keras"):
        parse_recipe(changed(train={"epochs": 1, "initialization": "kears"}), where="r.yaml")


def test_caches_of_before_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a recipe calls its degradation is part of a cache's identity."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    save_smooth(tmp_path / "a", 1)
    save_smooth(tmp_path / "b", 2)
    recipe = parse_recipe(changed(data={**MINIMAL["data"], "root": str(tmp_path)}), where="r.yaml")  # type: ignore[dict-item]
    opened = open_validation(recipe, lambda line: None)
    sources = [build(SOURCES, part, root=tmp_path) for part in recipe.validation_sources]
    words = "Part(name='bicubic', config=BicubicConfig(antialias=True))"
    before = cached(sources, words, scale=2, colour="rgb", seed=0)
    assert before is not None and before.folder == opened.folder


def test_a_name_of_before_is_told_what_it_is_now() -> None:
    with pytest.warns(RenamedWarning, match="recipe base-photo-x4 is base-x4-heavy now; say so"):
        assert read_recipe("base-photo-x4") == read_recipe("base-x4-heavy")
