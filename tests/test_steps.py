"""Runs measured, kept, told and ended by steps, and by the clock."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.commands import Command
from tests.forks import ForkServer
from tests.small_runs import BY_STEPS, GAN, SMALL, Dropping, recipe_of, rows_of, save_smooth, small_data
from upres.errors import ConfigError, DataFaultsError
from upres.recipes import components, read_recipe, run_recipe
from upres.train import fit
from upres.train.agenda import Agenda
from upres.train.options import IntervalConfig, TrainConfig


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def test_a_run_measured_by_steps(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    wanted = {"samples": 1, "samples_every": {"steps": 10}, "keep_best": 2, "keep_every": {"steps": 8}}
    recipe = recipe_of(data, train={**BY_STEPS, **wanted})
    run_recipe(recipe, tmp_path, log=lines.append)
    rows = rows_of(tmp_path)
    assert [row["step"] for row in rows] == [6, 12, 18, 20] and [row["epoch"] for row in rows] == [0.75, 1.5, 2.25, 2.5]
    assert [line.split("  ")[0] for line in lines if line.startswith("step ")] == [
        f"step {n}/20" for n in (6, 12, 18, 20)
    ]
    assert "finished: 20 steps" in lines[-1]
    assert read_recipe(str(tmp_path / "recipe.yaml")) == recipe
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [f"step_{n:08d}.png" for n in (10, 20)]
    best = sorted(rows, key=lambda row: (row["val_psnr"], row["step"]))[-2:]
    assert {path.stem for path in (tmp_path / "weights").iterdir()} == {
        *(f"best_step_{row['step']:08.0f}" for row in best), "step_00000008", "step_00000016",
    }  # fmt: skip
    first = load_file(tmp_path / "weights" / f"best_step_{best[-1]['step']:08.0f}.safetensors")
    assert all(torch.equal(tensor, first[name]) for name, tensor in load_file(tmp_path / "best.safetensors").items())
    report = (tmp_path / "report.html").read_text()
    assert "finished after 2.5 epochs and 20 steps" in report
    assert re.search(r"<td>[\w.]+</td><td>Conv2d</td><td>\d+×\d+×\d+</td><td>[\d,]+</td>", report)


def test_the_same_weights_whenever_they_are_measured(data: Path, tmp_path: Path) -> None:
    train = {**BY_STEPS, "steps": 16}
    by_steps, by_epochs = tmp_path / "steps", tmp_path / "epochs"
    made = components(recipe_of(data, arch="espcn", train=train))
    fit(replace(made, network=Dropping(made.facts, scale=2, channels=3)), by_steps)
    made = components(recipe_of(data, arch="espcn", train={**SMALL["train"], "epochs": 2}))
    fit(replace(made, network=Dropping(made.facts, scale=2, channels=3)), by_epochs)
    states = [torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (by_steps, by_epochs)]
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


@pytest.mark.slow
def test_ctrl_c_at_any_moment_leaves_a_run_that_goes_on(data: Path, tmp_path: Path, forks: ForkServer) -> None:
    ended = forks.run(code="from tests.interrupted_runs import at_any_moment; at_any_moment()", folder=tmp_path)
    assert ended.returncode == 0, ended.err


def test_hours_are_a_budget_of_each_start(data: Path, tmp_path: Path, command: Command) -> None:
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}, "train": {**BY_STEPS, "steps": 5}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    code, out, err = command("train", str(tmp_path / "small.yaml"), "--run", str(run), "--hours", "1e-9")
    assert (code, out) == (0, f"{run / 'last.safetensors'}\n")
    assert f"the run rests after step 1; upres train {run} --resume goes on" in err
    assert load_file(run / "last.safetensors") and not (run / "best.safetensors").exists()
    code, out, err = command("train", str(run), "--resume", "--hours", "1")
    assert (code, out) == (0, f"{run / 'best.safetensors'}\n") and "finished: 5 steps" in err
    assert "a change: from step 1 on train.hours = 1.0 (before: 1e-09)" in err


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(data: Path, tmp_path: Path, forks: ForkServer) -> None:
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(values))
    code = "from tests.interrupted_runs import the_command; the_command('small.yaml', '--run', 'run')"
    ended = forks.run(code=code, folder=tmp_path)
    assert (ended.returncode, ended.out) == (130, "")
    assert ended.err.splitlines()[-2:] == [
        "the run rests after step 11; upres train run --resume goes on", "upres: interrupted"
    ]  # fmt: skip


def test_sets_of_their_own_protocol_and_steps_told(data: Path, tmp_path: Path) -> None:
    save_smooth(data / "more", 1)
    pictures = [{"name": "folder", "path": "validation"}]
    sets = {
        "same": {"sources": pictures, "protocol": {"space": "rgb", "border": 0}},
        "more": [{**pictures[0], "path": "more"}],
    }
    lines: list[str] = []
    told = {**BY_STEPS, "loggers": ["tensorboard"], "log_every": {"steps": 5}}
    changes = {"validation_sets": sets, "protocol": {"space": "rgb", "border": 0}, "metrics": ["ssim"]}
    recipe = recipe_of(data, train=told, adversarial=GAN, **changes)
    run_recipe(recipe, tmp_path / "run", log=lines.append)
    assert read_recipe(str(tmp_path / "run" / "recipe.yaml")) == recipe
    for row in rows_of(tmp_path / "run"):
        assert row["same_psnr"] == row["val_psnr"] != row["more_psnr"] and row["same_ssim"] == row["val_ssim"]
    line = next(line for line in lines if line.startswith("step 6/20"))
    assert f"same {rows_of(tmp_path / 'run')[0]['val_psnr']:.3f} dB" in line and "  more " in line
    events = EventAccumulator(str(tmp_path / "run" / "events")).Reload()
    assert [event.step for event in events.Scalars("step_loss")] == [5, 10, 15, 20]
    assert {"step_l1", "step_rate", "step_discriminator_rate", "same_psnr", "val_psnr"} <= set(events.Tags()["scalars"])
    assert "PSNR, more" in (tmp_path / "run" / "report.html").read_text()


def test_the_clock_asks_again_when_its_minutes_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("upres.train.agenda.time.monotonic", lambda: now[0])
    options = TrainConfig(epochs=2, validate_every=IntervalConfig(minutes=2), checkpoint_every=IntervalConfig(steps=3))
    agenda = Agenda(options, epoch_steps=4, last=8)
    assert agenda.overdue() == set() and agenda.due(3) == {"checkpoint"} and agenda.due(8) == {"validation", "samples"}
    now[0] = 120.0
    assert agenda.overdue() == {"validation"}
    agenda.done({"validation", "checkpoint"})
    assert agenda.overdue() == set() and agenda.due(4) == {"samples"}


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"steps": 5}, "train.steps = 5: epochs = 3 is given too; say once how long the run is"),
        ({"epochs": None}, "train.epochs is missing and has no default: say how long the run is by it, or by steps"),
        ({"hours": 0}, "train.hours = 0.0: should be above 0; leave it out to go to the end"),
        ({"validate_every": 0}, "train.validate_every = 0: should be at least 1"),
        ({"validate_every": {}}, "train.validate_every.epochs, steps, minutes: none is given; give one of them"),
        ({"validate_every": {"step": 5}}, "unknown key train.validate_every.step = 5: did you mean steps?"),
        (
            {"log_every": {"steps": 5, "minutes": 1}},
            "train.log_every.epochs, steps, minutes: steps = 5, minutes = 1.0; give one",
        ),
        ({"keep_every": {"minutes": -1}}, "train.keep_every.minutes = -1.0: should be above 0"),
        ({"samples_every": "often"}, "train.samples_every = 'often': should be a number of epochs, or a mapping of ep"),
        ({"keep_best": 0}, "train.keep_best = 0: should be at least 1"),
    ],
)
def test_wrong_lengths_and_intervals(tmp_path: Path, train: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        recipe_of(tmp_path, train={**SMALL["train"], **train})
    assert said in str(error.value) and "\n" not in str(error.value), str(error.value)


def test_wrong_sets_and_what_does_not_go_together(data: Path, tmp_path: Path) -> None:
    for sets, said in (
        (["a"], "validation_sets = ['a']: should be a mapping of names to sources and protocol"),
        ({"val": []}, "validation_sets.val: names a column of metrics.csv; use letters"),
        ({"a": []}, "validation_sets.a.sources = []: is empty; name at least one of"),
        ({"a": {"source": []}}, "unknown key validation_sets.a.source = []: did you mean sources?"),
        ({"a": [{"name": "folder", "pth": "x"}]}, "unknown key validation_sets.a.sources.0.pth = 'x'"),
    ):
        with pytest.raises(ConfigError) as error:
            recipe_of(data, validation_sets=sets)
        assert said in str(error.value), str(error.value)
    with pytest.raises(DataFaultsError, match=r"validation_sets\.a\.sources\.0: .*nowhere"):
        components(recipe_of(data, validation_sets={"a": [{"name": "folder", "path": "nowhere"}]}))
    train = {**SMALL["train"], "validate_every": {"minutes": 1}}
    with pytest.raises(ConfigError, match="schedule plateau waits for validations, so the rate would follow the clock"):
        components(recipe_of(data, train=train, schedule="plateau"))
