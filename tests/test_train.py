"""Real runs: they learn, leave what they promise, resume exactly, and stop with a reason."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from upres import checkpoint
from upres.errors import ConfigError, ModelError, NonFiniteError
from upres.image import Picture, imresize, write
from upres.parts import build, parse_part
from upres.recipes import parse_recipe, read_recipe, run_recipe
from upres.train import SCHEDULES

SMALL = {
    "name": "small",
    "scale": 2,
    "seed": 5,
    "arch": {"name": "plainres", "width": 8, "blocks": 1},
    "data": {
        "patch": 12,
        "train": [{"name": "folder", "path": "train"}],
        "validation": [{"name": "folder", "path": "validation"}],
    },
    "train": {"epochs": 3, "steps_per_epoch": 8, "batch": 4, "ema": 0.9, "optimizer": {"rate": 3e-3}},
    "schedule": {"name": "cosine", "warmup": 2},
}


def save_smooth(folder: Path, count: int, side: int = 48) -> None:
    """Pictures with edges to sharpen: enlarged noise, cut into two levels."""
    rng = np.random.default_rng(count)
    folder.mkdir(parents=True)
    for number in range(count):
        noise = imresize(rng.random((side // 6, side // 6, 3)), 6)
        write(Picture((40 + 170 * (noise > 0.5)).astype(np.uint8)), folder / f"{number}.png")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    save_smooth(tmp_path / "data" / "train", 3)
    save_smooth(tmp_path / "data" / "validation", 2)
    return tmp_path / "data"


def recipe_of(root: Path, **changes: object):
    values = {**SMALL, **changes}
    values["data"] = {**values["data"], "root": str(root)}  # type: ignore[dict-item]
    return parse_recipe(values, where="test")


def rows_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_a_run_leaves_what_it_promises(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines: list[str] = []
    best = run_recipe(recipe_of(data), run, report=lines.append)
    assert sorted(path.name for path in run.iterdir()) == [
        "best.safetensors", "events", "last.ckpt", "loss.png", "metrics.csv", "recipe.yaml", "samples",
    ]  # fmt: skip
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"epoch_{n:04d}.png" for n in (1, 2, 3)]
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == [1, 2, 3] and rows[-1]["step"] == 24
    assert set(rows[0]) == {
        "epoch", "step", "rate", "train_l1", "train_loss", "val_loss", "val_psnr", "seconds",
    }  # fmt: skip
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    network, facts = checkpoint.load(best)
    assert (facts.name, facts.scale, facts.colour, facts.radius) == ("small", 2, "rgb", 4)
    assert facts.parameters == network.parameter_count
    best_psnr = max(row["val_psnr"] for row in rows)
    assert facts.scores == {"validation psnr, luma BT.601 studio range, border 2, 8-bit": round(best_psnr, 3)}
    assert read_recipe(str(run / "recipe.yaml")) == recipe_of(data)
    assert any(line.startswith("epoch 3/3  loss ") for line in lines)


def test_a_network_learns_one_batch_by_heart(data: Path, tmp_path: Path) -> None:
    """The usual check that loss, gradient and data fit together: far better than bicubic after 300 steps."""
    run = tmp_path / "run"
    changes: dict[str, object] = {
        "arch": {"name": "plainres", "width": 16, "blocks": 2, "upsampling": "bicubic"},
        "data": {**SMALL["data"], "patch": 24, "augment": False, "validation": [{"name": "folder", "path": "train"}]},
        "train": {"epochs": 1, "steps_per_epoch": 300, "batch": 3, "optimizer": {"rate": 3e-3}},
        "schedule": "cosine",
        "losses": ["mse"],
    }
    lines: list[str] = []
    run_recipe(recipe_of(data, **changes), run, report=lines.append)
    bicubic = float(next(line for line in lines if line.startswith("bicubic")).split(":")[1].split()[0])
    assert rows_of(run)[-1]["val_psnr"] > bicubic + 1


def test_the_same_seed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    first, second = (load_file(run_recipe(recipe_of(data), tmp_path / name)) for name in ("a", "b"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def command(recipe: Path, run: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "upres", "train", str(recipe), "--run", str(run), *options]


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(data: Path, tmp_path: Path) -> None:
    """A real process, killed with SIGKILL in the middle of an epoch, then resumed."""
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 6, "steps_per_epoch": 60}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(recipe, whole), check=True, capture_output=True)

    process = subprocess.Popen(command(recipe, broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not (broken / "metrics.csv").exists() or len(rows_of(broken)) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(rows_of(broken)) < 6, "the run ended before it could be killed; make it longer"

    subprocess.run(command(recipe, broken, "--resume"), check=True, capture_output=True)
    for left, right in zip(rows_of(whole), rows_of(broken), strict=True):
        left.pop("seconds"), right.pop("seconds")
        assert left == right
    states = [torch.load(run / "last.ckpt", weights_only=True) for run in (whole, broken)]
    for name, tensor in states[0]["state_dict"].items():  # trained and averaged weights
        assert torch.equal(tensor, states[1]["state_dict"][name]), name
    for key, moments in states[0]["optimizer_states"][0]["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(tensor, states[1]["optimizer_states"][0]["state"][key][name])
    best = [load_file(run / "best.safetensors") for run in (whole, broken)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


def test_a_folder_that_holds_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"run: holds a run already; go on with --resume, or give another folder"):
        run_recipe(recipe_of(data), tmp_path / "run")


def test_resume_without_a_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"last\.ckpt: no such file; start the run without --resume"):
        run_recipe(recipe_of(data), tmp_path / "run", resume=True)


def test_a_loss_that_is_not_finite_stops_with_its_name(data: Path, tmp_path: Path) -> None:
    changes = {"train": {**SMALL["train"], "optimizer": {"rate": 1e38}}, "schedule": "constant"}
    with pytest.raises(NonFiniteError, match=r"loss l1 is (nan|inf) at step \d+ \(epoch 0\); lower train\.optimizer"):
        run_recipe(recipe_of(data, **changes), tmp_path / "run")


def test_early_stopping_keeps_the_best_weights(data: Path, tmp_path: Path) -> None:
    """With a rate that only does harm after the first epoch, the run ends early and ships epoch one."""
    train = {
        "epochs": 12, "steps_per_epoch": 4, "batch": 4, "early_stopping": {"patience": 2}, "optimizer": {"rate": 0.5},
    }  # fmt: skip
    run_recipe(recipe_of(data, train=train, schedule="constant"), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    best = max(rows, key=lambda row: row["val_psnr"])
    assert len(rows) < 12 and rows[-1]["epoch"] - best["epoch"] == 2
    _, facts = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert next(iter(facts.scores.values())) == round(best["val_psnr"], 3)


def test_schedules_give_the_rates_they_promise() -> None:
    def rates(name: str, **values: object) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        part = parse_part(SCHEDULES, {"name": name, **values}, where="test", key="schedule")
        scheduler = build(SCHEDULES, part).scheduler(optimizer, 10)
        seen = []
        for _ in range(11):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(1.0) if name == "plateau" else scheduler.step()
        return seen

    assert rates("constant") == [1.0] * 11
    assert rates("constant", warmup=3)[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    cosine = rates("cosine", floor=0.1)
    assert cosine[0] == 1.0 and cosine[5] == pytest.approx(0.55) and cosine[10] == pytest.approx(0.1)
    # The first value sets the mark; two more without a fall are borne, the third halves the rate.
    assert rates("plateau", factor=0.5, patience=2)[:8] == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert rates("multi-step", milestones=[4, 7, 50]) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert rates("multi-step", milestones=[3], factor=0.1, warmup=1)[:5] == [0.5, 1, 1, 0.1, 0.1]


@pytest.mark.parametrize("steps", [10, 37, 400])
def test_schedules_are_pytorchs_own(steps: int) -> None:
    """Independent oracles: MultiStepLR and OneCycleLR."""

    def rates(make) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
        scheduler, seen = make(optimizer), []
        for _ in range(steps):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return seen

    def ours(name: str, **values: object) -> list[float]:
        part = parse_part(SCHEDULES, {"name": name, **values}, where="test", key="schedule")
        return rates(lambda optimizer: build(SCHEDULES, part).scheduler(optimizer, steps))

    lr_scheduler = torch.optim.lr_scheduler
    theirs = rates(lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.02, total_steps=steps, cycle_momentum=False))
    assert ours("one-cycle") == pytest.approx(theirs, rel=1e-9)
    theirs = rates(lambda o: lr_scheduler.MultiStepLR(o, milestones=[3, 8, 200], gamma=0.5))
    assert ours("multi-step", milestones=[3, 8, 200]) == pytest.approx(theirs, rel=1e-12)


def test_milestones_must_rise() -> None:
    with pytest.raises(ConfigError, match=r"milestones = \[8, 3\]: should be rising step numbers"):
        parse_part(SCHEDULES, {"name": "multi-step", "milestones": [8, 3]}, where="test", key="schedule")


def test_init_takes_over_what_fits(data: Path, tmp_path: Path) -> None:
    best = run_recipe(recipe_of(data), tmp_path / "first")
    lines: list[str] = []
    values = {**SMALL, "scale": 4, "init": str(best), "data": {**SMALL["data"], "patch": 8, "root": str(data)}}
    run_recipe(parse_recipe(values, where="test"), tmp_path / "second", report=lines.append)
    # Head and body fit; the tail has another number of channels at another scale.
    assert any(line.startswith("6 of 8 tensors start from ") for line in lines)


@pytest.mark.parametrize("colour", ["gray", "luma"])
def test_one_channel_networks_train(data: Path, tmp_path: Path, colour: str) -> None:
    best = run_recipe(recipe_of(data, colour=colour, arch="espcn"), tmp_path / "run")
    assert checkpoint.load(best)[1].colour == colour
