"""Weights to start from, and weights that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands import Command
from tests.small_runs import GAN, SMALL, recipe_of, small_data
from upres.archs import ARCHS
from upres.archs.building import build_network
from upres.config.named_parts import parse_part
from upres.errors import ConfigError, ModelError
from upres.models import checkpoint, shipped
from upres.recipes import Recipe, components, new_network, parse_recipe, run_recipe
from upres.recipes.starting import start_from

BASE: dict[str, Any] = {"name": "plainres", "width": 32, "blocks": 6}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def asks(**changes: object) -> Recipe:
    return parse_recipe({**SMALL, **changes}, where="test")


def started(**changes: object) -> tuple[str, dict[str, torch.Tensor]]:
    recipe = asks(**changes)
    _, network = new_network(recipe)
    said = start_from(network, recipe)
    return said, network.state_dict()


def test_a_shipped_name_a_run_folder_and_a_file_of_ours(tmp_path: Path) -> None:
    onnx, _ = checkpoint.load_onnx(shipped.find("base", 2).path)
    expected = onnx.state_dict()
    _, facts = checkpoint.load_onnx(shipped.find("base", 2).path)
    checkpoint.save(tmp_path / "best.safetensors", onnx, facts)
    for asked in ("base", "base-x2", str(shipped.find("base", 2).path), str(tmp_path), f"{tmp_path}/best.safetensors"):
        said, found = started(init=asked, arch=BASE)
        assert said == f"28 of 28 tensors start from {asked}"
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    said, found = started(init="base-x4", arch=BASE, init_missing="allow")
    assert said.startswith("26 of 28 tensors start from base-x4; the others begin anew (")


def test_a_file_of_others(tmp_path: Path) -> None:
    """As Real-ESRGAN publishes its small network."""
    part = parse_part(ARCHS, {"name": "compact", "width": 8, "convs": 2}, where="", key="arch")
    other = build_network(ARCHS, part, scale=2, channels=3)
    published = {name.replace("tail", "body.6"): tensor for name, tensor in other.state_dict().items()}
    torch.save({"params": published}, tmp_path / "net.pth")
    said, found = started(init=str(tmp_path / "net.pth"), arch=part.dump())
    assert said.startswith(f"{len(found)} of {len(found)} tensors start from")
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in found.items())


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"init": "bse"}, ModelError, r"init = bse: unknown model 'bse': did you mean base\? .*; or a run folder"),
        ({"init": "base", "scale": 3}, ModelError, "init = base: model 'base' is not shipped at ×3; it is at ×2, ×4"),
        (
            {"init": "runs/srresnet-x4/best.safetensors"},
            ModelError,
            "no such file; upres train srresnet-x4 makes runs/srresnet-x4/best.safetensors",
        ),
        ({"init": "weights/base-x4.safetensors"}, ModelError, "upres train base-x4 makes runs/base-x4/best"),
        ({"init": "runs/mine"}, ModelError, "init = runs/mine: no such file; give a file, a run folder, or the name"),
        ({"init": "tests"}, ModelError, "init = tests: a folder without best.safetensors; give the folder of a run"),
        (
            {"init": str(shipped.int8_version(shipped.find("base", 2).path))},
            ModelError,
            "holds int8 weights, from which no training starts; give the float32 model",
        ),
        (
            {"init": "base", "arch": {**BASE, "width": 8}},
            ConfigError,
            r"init = base: 1 of 28 tensors fit: \S+ is 8×3×3×3 here and 32×3×3×3 in the file, which is of scale 2, "
            r'colour rgb and arch: \{.*"width": 32\}; make the recipe\'s like these; or set',
        ),
        (
            {"init": "base", "init_missing": "allow", "arch": "srcnn"},
            ConfigError,
            "0 of 6 .*make the recipe's like these$",
        ),
        (
            {"init": "base", "arch": {**BASE, "blocks": 7}},
            ConfigError,
            "28 of 32 tensors fit: .* not there in the file, .*; or set init_missing: allow, and the others",
        ),
        (
            {"init": "base", "init_missing": "maybe"},
            ConfigError,
            "init_missing = 'maybe': should be 'refuse' or 'allow'",
        ),
    ],
)
def test_what_cannot_be_started_from(changes: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        started(**changes)


def test_a_missing_file_is_told_before_data_is_looked_at(tmp_path: Path, command: Command) -> None:
    """The folder of pictures is not there either."""
    line = command.refused(tmp_path, "train", "srgan-x4", "--data", str(tmp_path / "gone"))
    assert "upres train srresnet-x4 makes runs/srresnet-x4/best.safetensors" in line


@pytest.mark.parametrize("adversarial", [None, GAN], ids=["alone", "adversarial"])
def test_frozen_weights_stay_and_the_others_learn(data: Path, tmp_path: Path, adversarial: object) -> None:
    train = {**SMALL["train"], "epochs": 1, "steps_per_epoch": 3, "freeze": ["head.*", "body.0.*.bias"], "clip": 1.0}
    recipe = recipe_of(data, train=train, adversarial=adversarial)
    lines: list[str] = []
    before = {name: tensor.clone() for name, tensor in components(recipe).network.state_dict().items()}
    after = checkpoint.load(run_recipe(recipe, tmp_path / "run", log=lines.append))[0].state_dict()
    frozen = {name for name in before if name.startswith("head.") or (name.startswith("body.0.") and "bias" in name)}
    assert f"{len(frozen)} of {len(before)} parameters are frozen (head.weight, …)" in lines
    assert {name for name in before if torch.equal(before[name], after[name])} == frozen
    assert checkpoint.load(tmp_path / "run" / "best.safetensors")[1].parameters == 3 * 8 * 9 + 8 + 2 * (
        8 * 8 * 9 + 8
    ) + (8 * 12 * 9 + 12)


def test_patterns_that_freeze_nothing_or_everything() -> None:
    for freeze, said in (
        (["tail.*", "hed.*"], r"train\.freeze\.1 = 'hed\.\*': no parameter is called so; they are head\.weight, "),
        (["*"], r"train\.freeze = \['\*'\]: freezes every parameter; leave some to train"),
    ):
        with pytest.raises(ConfigError, match=said):
            components(asks(train={**SMALL["train"], "freeze": freeze}))
