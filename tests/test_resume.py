"""Runs that were stopped, killed or out of space go on as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.commands import Command, full_disk
from tests.forks import Forked, ForkServer
from tests.small_runs import BARE, GAN, HARDEST, SMALL, Dropping, equal_runs, recipe_of, rows_of, small_data
from upres.errors import ConfigError, ModelError
from upres.models import checkpoint
from upres.recipes import components, read_recipe, run_recipe
from upres.recipes.resuming import Change, changes_of, read_changes, record
from upres.train import Components, Reached, fit


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def wait_for_rows(process: Forked, run: Path, count: int) -> None:
    deadline = time.monotonic() + 240
    while not (run / "last.ckpt").exists() or len(rows_of(run)) < count:
        assert process.poll() is None, process.err
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, HARDEST], ids=["alone", "adversarial"])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(
    data: Path, tmp_path: Path, changes: dict[str, object], forks: ForkServer
) -> None:
    """A real process, killed with SIGKILL in the middle of an epoch, then resumed."""
    values = {**SMALL, **changes, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 5, "steps_per_epoch": 16, "clip": 0.5}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_recipe(read_recipe(str(recipe)), whole)

    process = forks.start("train", str(recipe), "--run", str(broken))
    wait_for_rows(process, broken, 2)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(rows_of(broken)) < 5, "the run ended before it could be killed; make it longer"

    resumed = forks.run("train", str(recipe), "--run", str(broken), "--resume")
    assert resumed.returncode == 0, resumed.err
    equal_runs(whole, broken)


class StoppedError(Exception):
    """Ends a run from the inside."""


def stop_at(epoch: int) -> Callable[[str], None]:
    def log(line: str) -> None:
        if line.startswith(f"epoch {epoch}/"):
            raise StoppedError

    return log


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": {"name": "plateau", "patience": 0, "factor": 0.5}, "train": {"optimizer": {"rate": 0.1}}},
        {"train": {"accumulate": 3, "clip": 0.1, "precision": "bf16"}},
        {"train": {"optimizer": {"name": "soap", "rate": 4e-3}, "precision": "bf16"}},
        {**HARDEST, "train": {"accumulate": 3, "clip": 0.1, "precision": "bf16"}},
        {
            **HARDEST,
            "adversarial": {**GAN, "start": 13, "discriminator": {"name": "vgg", "width": 2, "hidden": 8}},
        },
    ],
    ids=["plateau", "accumulated", "soap", "adversarial", "a discriminator that takes part later"],
)
def test_stopped_in_an_epoch_and_resumed_equals_uninterrupted(
    data: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    values = {**changes, "train": {**SMALL["train"], **changes.get("train", {})}}  # type: ignore[dict-item]
    recipe = recipe_of(data, **values)
    run_recipe(recipe, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run_recipe(recipe, tmp_path / "broken", log=stop_at(3))
    run_recipe(recipe, tmp_path / "broken", resume=True)
    equal_runs(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.slow
def test_a_network_that_draws_random_numbers_resumes_exactly_too(data: Path, tmp_path: Path) -> None:
    def run() -> Components:
        # Panels are drawn and a logger is told on the way.
        train = {**SMALL["train"], "samples": 1, "loggers": ["tensorboard"]}
        made = components(recipe_of(data, arch="espcn", train=train))
        return replace(made, network=Dropping(made.facts, scale=2, channels=3))

    fit(run(), tmp_path / "whole")
    torch.rand(1000)  # a resumed process has drawn other numbers before
    with pytest.raises(StoppedError):
        fit(run(), tmp_path / "broken", log=stop_at(2))
    fit(run(), tmp_path / "broken", resume=True)
    equal_runs(tmp_path / "whole", tmp_path / "broken")


def test_a_folder_that_holds_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"run: holds a run already; resume it, or give another run folder"):
        run_recipe(recipe_of(data), tmp_path / "run")


def test_resume_without_a_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"last\.ckpt: no such file; there is nothing to resume; start a new run"):
        run_recipe(recipe_of(data), tmp_path / "run", resume=True)


def test_a_full_disk_loses_nothing_that_was_saved(data: Path, tmp_path: Path, command: Command) -> None:
    """A limit on the size of files stands for it: last.ckpt, with Adam's moments, is the largest."""
    values = {
        **SMALL,
        "arch": {"name": "plainres", "width": 48, "blocks": 2},
        "data": {**SMALL["data"], "root": str(data)},
    }
    values["train"] = {"epochs": 1, "steps_per_epoch": 2, "batch": 2, **BARE}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    run_recipe(read_recipe(str(recipe)), run)
    kept = {path.name: path.read_bytes() for path in (run / "last.ckpt", run / "best.safetensors")}
    assert len(kept["best.safetensors"]) < 600_000 < len(kept["last.ckpt"])
    with full_disk(600_000):
        code, _, err = command("train", str(recipe), "--run", str(run), "--resume", "--set", "train.epochs=2")
    assert code == 1
    assert err.strip().splitlines()[-1] == (
        f"upres: {run / 'last.ckpt'}: epoch 2 cannot be written (File too large); the one before it is whole; make "
        "room and resume the run"
    )
    assert (run / "last.ckpt").read_bytes() == kept["last.ckpt"]
    checkpoint.load(run / "best.safetensors")
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_ctrl_c_leaves_a_report_and_a_run_that_goes_on(data: Path, tmp_path: Path, forks: ForkServer) -> None:
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 400}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    process = forks.start("train", str(recipe), "--run", str(run))
    wait_for_rows(process, run, 1)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 130 and process.err.strip().splitlines()[-1] == "upres: interrupted"
    assert "interrupted after" in (run / "report.html").read_text()


def test_a_run_of_an_older_upres_goes_on(data: Path, tmp_path: Path) -> None:
    """`tests/old_run`: a last.ckpt from before, and all weights with which that version ended the same run."""
    old, run = Path(__file__).parent / "old_run", tmp_path / "run"
    run.mkdir()
    shutil.copy(old / "last.ckpt", run)
    run_recipe(read_recipe(str(old / "recipe.yaml"), data=data), run, resume=True)
    state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    ended = load_file(old / "ended.safetensors")
    assert state.keys() == ended.keys() and any(name.startswith("game.discriminator.") for name in ended)
    for name, tensor in ended.items():
        # Equal where it was made; other processors sum in other orders, and four steps multiply that.
        torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-5)
    assert [row["epoch"] for row in rows_of(run)] == [1, 2, 3]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs, beside its data and its recipe; for those who only read it."""
    place = tmp_path_factory.mktemp("ended")
    with pytest.MonkeyPatch.context() as patch:
        data = small_data(place, patch)
        train = {**SMALL["train"], "epochs": 2, "steps_per_epoch": 2}
        values = {**SMALL, "losses": [{"name": "l1", "weight": 1.0}], "train": train}
        values["data"] = {**SMALL["data"], "root": str(data)}
        (place / "small.yaml").write_text(yaml.safe_dump(values))
        run_recipe(read_recipe(str(place / "small.yaml")), place / "run")
    return place


REFUSED = [
    ("seed=6", "seed = 6 is asked for, and the run has 5"),
    ("scale=3", "scale = 3 is asked for, and the run has 2"),
    ("arch.width=16", "arch.width = 16 is asked for, and the run has 8"),
    ("arch=espcn", "arch.name = espcn is asked for, and the run has plainres"),
    ("losses.0.weight=0.5", "losses.0.weight = 0.5 is asked for, and the run has 1.0"),
    ("losses=[l1, mse]", "losses.1 = "),
    (
        "degradation={name: bicubic, antialias: false}",
        "degradation.antialias = false is asked for, and the run has true",
    ),
    ("data.patch=14", "data.patch = 14 is asked for, and the run has 12"),
    ("train.batch=2", "train.batch = 2 is asked for, and the run has 4"),
    ("train.optimizer.rate=0.1", "train.optimizer.rate = 0.1 is asked for, and the run has 0.003"),
    ("train.precision=bf16", "train.precision = bf16 is asked for, and the run has fp32"),
    ("schedule=constant", "schedule.name = constant is asked for, and the run has cosine"),
    ("metrics=[ssim]", "metrics = "),
    ("train.epochs=1", "train.epochs = 1 is asked for, and the run has 2 behind it; ask for as many or more"),
    ("init=base", "init = base is asked for, and the run has nothing"),
]


def test_a_resumed_run_keeps_its_settings(ended: Path, command: Command) -> None:
    run = ended / "run"
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    for setting, said in REFUSED:
        line = command.refused(
            ended, "train", str(ended / "small.yaml"), "--run", str(run), "--resume", "--set", setting
        )
        assert line.startswith(f"{run}: ") and said in line, line
        if not setting.startswith("train.epochs"):
            assert line.endswith(f"or start a new run, from these weights with init: {run} (--run)")
        assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before, setting
    two = ["--set", "seed=6", "--set", "data.patch=14"]
    line = command.refused(ended, "train", str(run), "--resume", *two)
    assert "seed = 6 is asked for" in line and "data.patch = 14 is asked for" in line


def test_what_may_differ_is_recorded_with_its_step(
    ended: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a recipe: the run folder's own is read; the data was moved there."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    run, moved = tmp_path / "run", tmp_path / "moved"
    shutil.copytree(ended / "run", run)
    shutil.copytree(ended / "data", moved)
    asked = ["train.samples=1", "train.samples_every=2", "train.loggers=[tensorboard]", "licence=CC0"]
    asked += ["train.epochs=3", "train.early_stopping={patience: 7}", "trained_on=squares"]
    code, out, err = command(
        "train", str(run), "--resume", "--data", str(moved), *(word for one in asked for word in ("--set", one))
    )
    assert (code, out.strip()) == (0, str(run / "best.safetensors")), err
    assert "a change: from step 4 on train.epochs = 3 (before: 2)" in err
    found = {change.key: (change.step, change.before, change.after) for change in read_changes(run)}
    assert found == {
        "data.root": (4, str(ended / "data"), str(moved)),
        "licence": (4, "", "CC0"),
        "train.early_stopping": (4, None, {"patience": 7}),
        "train.epochs": (4, 2, 3),
        "train.loggers": (4, [], ["tensorboard"]),
        "train.samples": (4, 0, 1),
        "train.samples_every": (4, 1, 2),
        "trained_on": (4, "", "squares"),
    }
    text = (run / "recipe.yaml").read_text()
    note = "# from step 4 on train.epochs = 3 (before: 2).\n"
    assert note in text and note in (run / "report.html").read_text()
    assert read_recipe(str(run / "recipe.yaml")).train.epochs == 3
    assert [row["epoch"] for row in rows_of(run)] == [1, 2, 3]
    assert torch.load(run / "last.ckpt", weights_only=True)["callbacks"]["History"]["processes"]["devices"] == 1


def test_a_change_that_nothing_was_trained_by_is_forgotten(ended: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(ended / "run", run)
    two, three, four = (read_recipe(str(run / "recipe.yaml"), settings=[f"train.epochs={n}"]) for n in (2, 3, 4))
    at = Reached(2, 4, {"devices": 1, "nodes": 1})
    for asked, kept in (
        (three, [Change(4, "train.epochs", 2, 3)]),
        (four, [Change(4, "train.epochs", 2, 4)]),
        (two, []),
    ):
        record(run, asked, changes_of(run, asked, at, {"devices": 1, "nodes": 1}))
        assert read_changes(run) == kept and read_recipe(str(run / "recipe.yaml")) == asked
    assert [str(one) for one in changes_of(run, two, at, {"devices": 2, "nodes": 1})] == [
        "from step 4 on devices = 2 (before: 1)"
    ]


def test_resume_where_there_is_no_run_writes_nothing(ended: Path, tmp_path: Path, command: Command) -> None:
    empty = tmp_path / "empty"
    recipe = str(ended / "small.yaml")
    assert "last.ckpt: no such file; there is nothing to resume" in command.refused(
        tmp_path, "train", recipe, "--run", str(empty), "--resume"
    )
    empty.mkdir()
    said = command.refused(tmp_path, "train", str(empty), "--resume")
    assert "empty: holds no recipe.yaml, so it is not the folder of a run" in said
    shutil.copy(ended / "run" / "recipe.yaml", empty)
    said = command.refused(tmp_path, "train", str(empty), "--resume")
    assert "last.ckpt: no such file; its run ended before its first epoch was saved; start a new run" in said
    assert "is a folder; " in command.refused(tmp_path, "train", str(empty))
    assert "are two run folders" in command.refused(tmp_path, "train", str(empty), "--resume", "--run", "elsewhere")
    assert "give the run folder to resume, or its recipe (--run)" in command.refused(tmp_path, "train", "--resume")


def test_weights_of_another_network_are_told_where_no_recipe_is(ended: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(ended / "run" / "last.ckpt", run)
    other = read_recipe(str(ended / "small.yaml"), settings=["arch.width=6"])
    with pytest.raises(
        ModelError, match=r"last\.ckpt: of another recipe: network\.\S+ is 8×3×3×3 in it, and 6×3×3×3 is"
    ):
        run_recipe(other, run, resume=True)
    assert [path.name for path in run.iterdir()] == ["last.ckpt"]
