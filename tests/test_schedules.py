"""Learning-rate schedules: the rates they promise."""

from __future__ import annotations

import pytest
import torch

from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError
from upres.train import SCHEDULES


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


def test_plateau_counts_falls_as_keras_does_where_asked() -> None:
    """Falls of 2 % of a small loss: with PyTorch's threshold each is one, with Keras' absolute 1e-4 none is."""
    losses = [0.002 * 0.98**number for number in range(6)]

    def rates(**values: object) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        part = parse_part(SCHEDULES, {"name": "plateau", **values}, where="test", key="schedule")
        scheduler = build(SCHEDULES, part).scheduler(optimizer, 10)
        assert isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        seen = []
        for loss in losses:
            optimizer.step()
            scheduler.step(loss)
            seen.append(optimizer.param_groups[0]["lr"])
        return seen

    assert rates() == [1.0] * 6
    # keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2): two in a row that are not 1e-4 below the lowest that
    # counted halve the rate; the fourth is, for it lies 1.2e-4 below the first.
    assert rates(threshold_mode="abs", patience=1) == [1, 1, 0.5, 0.5, 0.5, 0.25]


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
