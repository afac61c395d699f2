"""Real runs: they learn, leave what they promise, resume exactly, and stop with a reason."""

from __future__ import annotations

import os
import re
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

from small_runs import GAME, HARDEST, SMALL, recipe_of, rows_of, small_data
from upres import checkpoint
from upres.archs import ARCHS, Network
from upres.config import parse
from upres.errors import ConfigError, MissingExtraError, ModelError, NonFiniteError
from upres.image import read
from upres.parts import build, parse_part
from upres.recipes import parse_recipe, read_recipe, run_recipe
from upres.recipes.run import take_over
from upres.train import SCHEDULES, processes
from upres.train.charts import ticks


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def test_a_run_leaves_what_it_promises(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines: list[str] = []
    best = run_recipe(recipe_of(data), run, report=lines.append)
    assert sorted(path.name for path in run.iterdir()) == [
        "best.safetensors", "events", "last.ckpt", "loss.png", "metrics.csv", "recipe.yaml", "report.html", "samples",
    ]  # fmt: skip
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"epoch_{n:04d}.png" for n in (1, 2, 3)]
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == [1, 2, 3] and rows[-1]["step"] == 24
    assert set(rows[0]) == {
        "epoch", "step", "rate", "train_l1", "train_loss", "val_l1", "val_loss", "val_psnr", "seconds",
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


def wait_for_rows(process: subprocess.Popen[bytes], run: Path, count: int) -> None:
    deadline = time.monotonic() + 240
    while not (run / "last.ckpt").exists() or len(rows_of(run)) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, HARDEST], ids=["alone", "adversarial"])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(
    data: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    """A real process, killed with SIGKILL in the middle of an epoch, then resumed."""
    values = {**SMALL, **changes, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 5, "steps_per_epoch": 40, "samples_every": 9, "clip": 0.5}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_recipe(read_recipe(str(recipe)), whole)

    process = subprocess.Popen(command(recipe, broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_rows(process, broken, 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(rows_of(broken)) < 5, "the run ended before it could be killed; make it longer"

    subprocess.run(command(recipe, broken, "--resume"), check=True, capture_output=True)
    equal_runs(whole, broken)


def equal_runs(whole: Path, broken: Path) -> None:
    """Rows, trained and averaged weights, optimisers' moments and the best weights, bit for bit."""
    for left, right in zip(rows_of(whole), rows_of(broken), strict=True):
        left.pop("seconds"), right.pop("seconds")
        assert left == right
    states = [torch.load(run / "last.ckpt", weights_only=True) for run in (whole, broken)]
    assert states[0]["state_dict"].keys() == states[1]["state_dict"].keys()
    for name, tensor in states[0]["state_dict"].items():
        assert torch.equal(tensor, states[1]["state_dict"][name]), name
    for ours, theirs in zip(states[0]["optimizer_states"], states[1]["optimizer_states"], strict=True):
        torch.testing.assert_close(ours["state"], theirs["state"], rtol=0, atol=0)
    best = [load_file(run / "best.safetensors") for run in (whole, broken)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


class StoppedError(Exception):
    """Ends a run from the inside."""


def stop_at(epoch: int):
    def report(line: str) -> None:
        if line.startswith(f"epoch {epoch}/"):
            raise StoppedError

    return report


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": {"name": "plateau", "patience": 0, "factor": 0.5}, "train": {"optimizer": {"rate": 0.1}}},
        {"train": {"accumulate": 3, "clip": 0.1, "precision": "bf16"}},
        {"train": {"optimizer": {"name": "soap", "rate": 4e-3}, "precision": "bf16"}},
        {**HARDEST, "train": {"accumulate": 3, "clip": 0.1, "precision": "bf16"}},
        {**HARDEST, "adversarial": {**GAME, "start": 13, "discriminator": {"name": "vgg", "width": 2, "hidden": 8}}},
    ],
    ids=["plateau", "accumulated", "soap", "adversarial", "a game that begins later"],
)
def test_stopped_in_an_epoch_and_resumed_equals_uninterrupted(
    data: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    values = {**changes, "train": {**SMALL["train"], "samples_every": 9, **changes.get("train", {})}}  # type: ignore[dict-item]
    recipe = recipe_of(data, **values)
    run_recipe(recipe, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run_recipe(recipe, tmp_path / "broken", report=stop_at(3))
    run_recipe(recipe, tmp_path / "broken", resume=True)
    equal_runs(tmp_path / "whole", tmp_path / "broken")


class Dropping(Network):
    """Draws random numbers as it trains."""

    config_type = ARCHS["espcn"].config_type

    def __init__(self, config: object, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(channels, channels * scale**2, 3, padding=1),
            torch.nn.Dropout(0.5),
            torch.nn.PixelShuffle(scale),
        )

    @property
    def radius(self) -> int:
        return 1

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return self.layers(lr)


def test_a_network_that_draws_random_numbers_resumes_exactly_too(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHS, "dropping", Dropping)
    recipe = recipe_of(data, arch="dropping")
    run_recipe(recipe, tmp_path / "whole")
    torch.rand(1000)  # a resumed process has drawn other numbers before
    with pytest.raises(StoppedError):
        run_recipe(recipe, tmp_path / "broken", report=stop_at(2))
    run_recipe(recipe, tmp_path / "broken", resume=True)
    equal_runs(tmp_path / "whole", tmp_path / "broken")


def test_a_folder_that_holds_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"run: holds a run already; go on with --resume, or give another folder"):
        run_recipe(recipe_of(data), tmp_path / "run")


def test_resume_without_a_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"last\.ckpt: no such file; start the run without --resume"):
        run_recipe(recipe_of(data), tmp_path / "run", resume=True)


def test_a_loss_that_is_not_finite_stops_with_its_name_and_its_pictures(data: Path, tmp_path: Path) -> None:
    changes = {"train": {**SMALL["train"], "optimizer": {"rate": 1e38}}, "schedule": "constant"}
    said = (
        r"loss l1 is (nan|inf) at step 1 \(epoch 0\); the batch's pictures are in .*run/non-finite/step_000001\.png "
        r"and \.npz; lower train\.optimizer"
    )
    with pytest.raises(NonFiniteError, match=said):
        run_recipe(recipe_of(data, **changes), tmp_path / "run")
    with np.load(tmp_path / "run" / "non-finite" / "step_000001.npz") as kept:
        assert kept["lr"].shape == (4, 12, 12, 3) and kept["hr"].shape == kept["sr"].shape == (4, 24, 24, 3)
        assert list(kept["loss_names"]) == ["l1"] and not np.isfinite(kept["loss_values"][0])
        bad = ~np.isfinite(kept["sr"][0]).all(axis=2)
        sheet = np.asarray(read(tmp_path / "run" / "non-finite" / "step_000001.png").pixels)
        assert sheet.shape == (4 * 24, 3 * 24, 3)
        assert (sheet[:24, 24:48][bad] == (255, 0, 255)).all()
        assert np.array_equal(sheet[:24, 48:], kept["hr"][0])
        assert np.array_equal(sheet[:24:2, :24:2], kept["lr"][0])


def test_weights_spoiled_by_an_epochs_last_step_are_not_written(data: Path, tmp_path: Path) -> None:
    """One step an epoch: the loss was finite before it, validation comes after it."""
    train = {"epochs": 3, "steps_per_epoch": 1, "batch": 4, "optimizer": {"rate": 1e38}}
    with pytest.raises(NonFiniteError, match=r"loss l1 is (nan|inf) at step 1 \(epoch 0\)"):
        run_recipe(recipe_of(data, train=train, schedule="constant"), tmp_path / "run")
    assert not (tmp_path / "run" / "best.safetensors").exists() and not (tmp_path / "run" / "last.ckpt").exists()


def moved(data: Path, run: Path, **train: object) -> dict[str, torch.Tensor]:
    """Train on one picture, whole, so that every batch is the same; Adam's large epsilon makes it plain descent."""
    one = {"name": "folder", "path": "train", "take": 1}
    values = {
        "data": {**SMALL["data"], "patch": 24, "augment": False, "train": [one]},
        "train": {"epochs": 1, "batch": 2, "optimizer": {"rate": 1.0, "epsilon": 1.0}, "samples": 1, **train},
        "schedule": "constant",
    }
    return load_file(run_recipe(recipe_of(data, **values), run))


def test_accumulated_batches_make_the_step_of_one_large_batch(data: Path, tmp_path: Path) -> None:
    """Also the step that an epoch's end leaves with fewer batches: 5 batches by twos are 3 steps."""
    whole = moved(data, tmp_path / "whole", steps_per_epoch=3, batch=4)
    parts = moved(data, tmp_path / "parts", steps_per_epoch=5, accumulate=2)
    assert rows_of(tmp_path / "parts")[0]["step"] == rows_of(tmp_path / "whole")[0]["step"] == 3
    for name, tensor in whole.items():
        # One picture, so the batches are equal and only the order of sums differs.
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-6)
    more = moved(data, tmp_path / "more", steps_per_epoch=5)
    assert any((more[name] - whole[name]).abs().max() > 1e-4 for name in whole)


def test_clipped_gradients_are_no_longer_than_asked(data: Path, tmp_path: Path) -> None:
    start = moved(data, tmp_path / "start", steps_per_epoch=1, clip=1e-12)
    lengths = {}
    for clip in (None, 1e-3, 1e-2):
        after = moved(data, tmp_path / f"{clip}", steps_per_epoch=1, clip=clip)
        lengths[clip] = sum((after[name] - start[name]).square().sum() for name in start).sqrt().item()
    # With epsilon far above the gradient, a step is as long as the gradient; bias correction cancels in the first.
    assert lengths[1e-3] == pytest.approx(1e-3, rel=0.02) and lengths[1e-2] == pytest.approx(1e-2, rel=0.02)
    assert lengths[None] > 2e-2


def test_a_full_disk_loses_nothing_that_was_saved(data: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for it: last.ckpt, with Adam's moments, is the largest."""
    values = {
        **SMALL,
        "arch": {"name": "plainres", "width": 48, "blocks": 2},
        "data": {**SMALL["data"], "root": str(data)},
    }
    values["train"] = {"epochs": 1, "steps_per_epoch": 2, "batch": 2, "samples_every": 9}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    run_recipe(read_recipe(str(recipe)), run)
    kept = {path.name: path.read_bytes() for path in (run / "last.ckpt", run / "best.safetensors")}
    assert len(kept["best.safetensors"]) < 600_000 < len(kept["last.ckpt"])
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)); "
        f"from upres.cli import main; main({command(recipe, run, '--resume', '--set', 'train.epochs=2')[3:]!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line == (
        f"upres: {run / 'last.ckpt'}: epoch 2 cannot be written (File too large); the one before it is whole; make "
        "room and go on with --resume"
    )
    assert (run / "last.ckpt").read_bytes() == kept["last.ckpt"]
    checkpoint.load(run / "best.safetensors")
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_ctrl_c_leaves_a_report_and_a_run_that_goes_on(data: Path, tmp_path: Path) -> None:
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 400}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    # Where the tests run as a shell's background job, Ctrl-C is ignored, and children inherit that.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from upres.cli import main; main({command(recipe, run)[3:]!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for_rows(process, run, 1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130 and errors.decode().strip().splitlines()[-1] == "upres: interrupted"
    assert "interrupted after" in (run / "report.html").read_text()


def test_wandb_is_asked_for_before_the_first_step(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    train = {**SMALL["train"], "loggers": ["wandb"]}
    with pytest.raises(MissingExtraError, match=r'train\.loggers = wandb needs wandb: pip install "upres\[wandb\]"'):
        run_recipe(recipe_of(data, train=train), tmp_path / "run")


def test_no_logger_at_all(data: Path, tmp_path: Path) -> None:
    train = {**SMALL["train"], "epochs": 1, "loggers": []}
    run_recipe(recipe_of(data, train=train), tmp_path / "run")
    assert not (tmp_path / "run" / "events").exists()


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "expected"),
    [
        (None, None, {}, (1, 1)),
        (2, 3, {}, (2, 3)),
        (None, None, {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
        (4, 2, {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
    ],
)
def test_processes_as_asked_for_or_as_torchrun_started_them(
    devices: int | None, nodes: int | None, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert processes(devices, nodes, environment) == expected


def test_processes_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="--devices 0: should be at least 1"):
        processes(0, None, {})
    started = {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
    with pytest.raises(ConfigError, match="--devices 2: torchrun started 4; leave --devices out"):
        processes(2, None, started)


def test_a_batch_that_processes_cannot_share(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"train\.batch = 4: cannot be shared evenly by 3 processes; make it a multiple"
    ):
        run_recipe(recipe_of(data), tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"adversarial": {**GAME, "kind": "vanilla"}}], ids=["alone", "adversarial"])
def test_two_processes_equal_one_with_the_doubled_batch(data: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    """The recipe's batch is that of all processes: each of the two takes every second pair."""
    values = {**SMALL, **changes, "data": {**SMALL["data"], "root": str(data)}}
    # Adam divides by the gradient's size, and would make much of a rounding error where that is nearly zero.
    settings = {"rate": 3e-3, "epsilon": 1e-3}
    values["train"] = {**SMALL["train"], "epochs": 2, "accumulate": 2, "clip": 1.0, "optimizer": settings}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    one, two = tmp_path / "one", tmp_path / "two"
    run_recipe(read_recipe(str(recipe)), one)
    done = subprocess.run(command(recipe, two, "--devices", "2"), check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(two / "best.safetensors")]
    assert sum(line.startswith("epoch 2/2") for line in done.stderr.splitlines()) == 1
    states = [torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (one, two)]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        # Sums of 4-byte floats in another order, over 8 steps.
        torch.testing.assert_close(
            states[1][name], tensor, rtol=1e-3, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
        )
    for left, right in zip(rows_of(one), rows_of(two), strict=True):
        for column in ("train_l1", "val_l1", "val_psnr"):
            assert right[column] == pytest.approx(left[column], rel=1e-3)


def test_the_report_shows_the_run_and_asks_nobody(data: Path, tmp_path: Path) -> None:
    run_recipe(recipe_of(data, **HARDEST), tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "A training run, finished after 3 epochs and 24 steps." in page
    assert page.count("data:image/png;base64,") == 3
    for title in ("PSNR", "Loss", "l1", "tv", "Adversarial losses", "Discriminator&#x27;s accuracy", "Learning rate"):
        assert f"<h3>{title}</h3>" in page
    assert "kind: relativistic" in page and "prefers-color-scheme: dark" in page
    assert not re.findall(r"https?://|src=\"(?!data:)|url\(|@import", page)


def test_ticks_are_round_and_span_the_values() -> None:
    assert ticks(0.0, 9.0) == [0, 2, 4, 6, 8, 10]
    assert ticks(27.31, 27.42) == [27.3, 27.35, 27.4, 27.45]
    assert ticks(5.0, 5.0)[0] <= 5 <= ticks(5.0, 5.0)[-1]


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


def test_a_plain_network_starts_from_the_sums_of_branches(data: Path, tmp_path: Path) -> None:
    branched = checkpoint.load(run_recipe(recipe_of(data, arch={"name": "repres", "width": 8, "blocks": 1}), tmp_path))[
        0
    ]
    plain = ARCHS["plainres"](
        parse(ARCHS["plainres"].config_type, {"width": 8, "blocks": 1}, where=""), scale=2, channels=3
    )
    assert take_over(plain, tmp_path / "best.safetensors") == (8, 8)
    lr = torch.rand(1, 3, 9, 7)
    torch.testing.assert_close(plain(lr), branched(lr))


@pytest.mark.parametrize("colour", ["gray", "luma"])
def test_one_channel_networks_train(data: Path, tmp_path: Path, colour: str) -> None:
    best = run_recipe(recipe_of(data, colour=colour, arch="espcn"), tmp_path / "run")
    assert checkpoint.load(best)[1].colour == colour
