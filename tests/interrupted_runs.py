"""Runs that are interrupted at a moment that the caller says, each in a process of its own: see `forks`."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from tests.commands import everything
from tests.small_runs import BY_STEPS, Dropping, equal_runs, recipe_of, rows_of, save_smooth
from upres.cli.main import main
from upres.recipes import components
from upres.train import Reached, fit, reached
from upres.train.module import Training
from upres.train.validation import score


def press(monkeypatch: pytest.MonkeyPatch, *, in_batch: int = -1, in_validation: int = -1) -> None:
    """Press Ctrl-C in the middle of a batch's step, or at a picture of the n-th validation from now."""
    step = Training.manual_backward
    seen: list[None] = []

    def pressed(self: Training, *arguments: Any) -> None:
        if self.batches == in_batch:
            signal.raise_signal(signal.SIGINT)
        step(self, *arguments)

    def measured(*arguments: Any) -> Any:
        seen.append(None)
        if len(seen) == in_validation:
            signal.raise_signal(signal.SIGINT)
        return score(*arguments)

    monkeypatch.setattr(Training, "manual_backward", pressed)
    monkeypatch.setattr("upres.train.module.score", measured)


def the_command(*arguments: str) -> NoReturn:
    """Run `upres train`, and press Ctrl-C in its tenth batch."""
    with pytest.MonkeyPatch.context() as patch:
        press(patch, in_batch=9)
        main(["train", *arguments])


def at_any_moment() -> None:
    """In an epoch's middle, in what makes a step, in a validation, in the last step; and when its time is over.

    Two batches make a step and seven an epoch, so that 20 batches are 11 steps. The pictures lie in `data`.
    """
    data = Path("data")
    save_smooth(data / "more", 1)
    train = {**BY_STEPS, "steps": 11, "accumulate": 2, "steps_per_epoch": 7, "validate_every": {"steps": 3}}
    train |= {"early_stopping": {"patience": 9}, "keep_best": 2, "samples": 1, "samples_every": {"steps": 3}}
    sets = {"more": [{"name": "folder", "path": "more"}]}
    whole, broken = Path("whole"), Path("broken")
    found: list[Reached] = []

    def run(folder: Path, *, resume: bool = False, **changes: Any) -> None:
        recipe = recipe_of(data, arch="espcn", train={**train, **changes}, validation_sets=sets)
        made = components(recipe, resumed=resume)
        network = Dropping(made.facts, scale=2, channels=3)
        fit(replace(made, network=network), folder, resume=resume, rests=found.append)

    run(whole)
    moments: list[dict[str, int]] = [{"in_batch": 3}, {"in_validation": 1}, {"in_validation": 2}]
    moments += [{"in_batch": 7}, {"in_batch": 19}]
    for number, moment in enumerate(moments):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            press(patch, **moment)
            run(broken, resume=number > 0)
        assert sorted(path.name for path in broken.glob("last.*")) == ["last.ckpt", "last.safetensors"]
        assert "interrupted after" in (broken / "report.html").read_text()
        assert reached(broken / "last.ckpt").steps == found[-1].steps
        torch.rand(99)
    assert [one.steps for one in found] == [3, 3, 3, 5, 11]
    assert [row["step"] for row in rows_of(broken)] == [3, 6, 9]
    run(broken, resume=True, hours=1e-9)  # all but the last validation is done
    assert len(found) == 6 and len(rows_of(broken)) == 3
    run(broken, resume=True)
    equal_runs(whole, broken)
    assert [row["step"] for row in rows_of(broken)] == [3, 6, 9, 11] and "more_psnr" in rows_of(broken)[0]
    assert not (broken / "last.safetensors").exists()
    for folder in ("weights", "samples"):
        assert everything(whole / folder) == everything(broken / folder) != []
