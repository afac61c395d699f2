"""The loss on artefacts: its formula, what it leaves out, and what training gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import load_file
from torch import Tensor

from tests.small_runs import SMALL, equal_runs, recipe_of, small_data
from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, DataError
from upres.losses import LOSSES, Loss
from upres.recipes import run_recipe
from upres.train.step import loss_terms


def ldl(**values: object) -> Loss:
    return build(LOSSES, parse_part(LOSSES, {"name": "ldl", **values}, where="test", key="losses.0"))


def three(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    sr, hr, averaged = (torch.rand(*shape, generator=generator, dtype=torch.float64) for _ in range(3))
    return sr, hr, averaged


def by_numpy(sr: Any, hr: Any, averaged: Any, window: int, compare: str) -> float:
    """The paper's map of each picture, `c h w`, and the mean of what it leaves of the error."""
    margin, found = window // 2, []
    for ours, theirs, third in zip(sr, hr, averaged, strict=True):
        error = np.abs(theirs - ours).sum(0)
        around = np.pad(error, margin, mode="reflect")
        local = sliding_window_view(around, (window, window)).reshape(*error.shape, -1).var(axis=2, ddof=1)
        weights = local * error.var(ddof=1) ** (1 / 5)
        weights[error < np.abs(theirs - third).sum(0)] = 0
        difference = weights * (ours - theirs)
        found.append(np.abs(difference) if compare == "l1" else difference**2)
    return float(np.mean(found))


@pytest.mark.parametrize("compare", ["l1", "mse"])
@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_its_formula(compare: str, window: int, channels: int) -> None:
    sr, hr, averaged = three(2, channels, 13, 18)
    loss = ldl(compare=compare, window=window)
    expected = by_numpy(sr.numpy(), hr.numpy(), averaged.numpy(), window, compare)
    assert float(loss(sr, hr, averaged)) == pytest.approx(expected, rel=1e-10)
    assert float(loss(sr.float(), hr.float(), averaged.float())) == pytest.approx(expected, rel=1e-5)
    # With nothing to compare with, as by equal weights, nothing is left out.
    whole = by_numpy(sr.numpy(), hr.numpy(), sr.numpy(), window, compare)
    assert float(loss(sr, hr)) == float(loss(sr, hr, sr)) == pytest.approx(whole, rel=1e-10)
    assert float(ldl(compare=compare, window=window, averaged=False)(sr, hr, averaged)) == pytest.approx(whole)


def test_it_has_the_gradient_of_its_formula() -> None:
    sr, hr, averaged = three(1, 2, 8, 9)
    assert torch.autograd.gradcheck(lambda x: ldl(window=3)(x, hr, averaged), (sr.requires_grad_(),))


def test_an_error_that_is_the_same_everywhere_weighs_nothing_and_has_a_gradient() -> None:
    hr = torch.rand(1, 3, 16, 16)
    for offset in (0.0, 0.1):
        sr = (hr + offset).requires_grad_()
        value = ldl()(sr, hr)
        value.backward()
        assert float(value.detach()) < 1e-9 and torch.isfinite(sr.grad).all()


def test_it_is_given_what_it_asks_for() -> None:
    sr, hr, averaged = three(1, 3, 12, 12)
    terms = {
        "ldl": ldl(),
        "alone": ldl(averaged=False),
        "l1": build(LOSSES, parse_part(LOSSES, "l1", where="", key="")),
    }
    found = loss_terms(terms, sr, hr, averaged)
    assert float(found["ldl"]) < float(found["alone"]) and found["ldl"] == ldl()(sr, hr, averaged)
    assert loss_terms(terms, sr, hr)["ldl"] == found["alone"]


def test_it_refuses_small_pictures_and_odd_options() -> None:
    with pytest.raises(DataError, match=r"ldl: pictures of 9×3 are too small for its window of 7; raise data.patch"):
        ldl()(torch.rand(1, 3, 3, 9), torch.rand(1, 3, 3, 9))
    with pytest.raises(ConfigError, match=r"losses\.0\.window = 4: should be an odd number of at least 3"):
        ldl(window=4)


def test_it_takes_averaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    train = {key: value for key, value in SMALL["train"].items() if key != "ema"}
    with pytest.raises(ConfigError, match=r"losses: ldl compares with the averaged weights, and train.ema is left out"):
        run_recipe(recipe_of(data, train=train, losses=["l1", "ldl"]), tmp_path / "run")
    run_recipe(recipe_of(data, train=train, losses=["l1", {"name": "ldl", "averaged": False}]), tmp_path / "run")


def test_a_run_compares_with_the_averaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    arch = {"name": "srresnet", "width": 4, "blocks": 1}  # its averaged statistics are not to change by it
    train = {**SMALL["train"], "epochs": 1}

    def run(name: str, averaged: bool) -> Path:
        losses = ["l1", {"name": "ldl", "weight": 100.0, "averaged": averaged}]
        run_recipe(recipe_of(data, arch=arch, train=train, losses=losses), tmp_path / name)
        return tmp_path / name

    equal_runs(run("first", True), run("second", True))
    weights = [load_file(folder / "best.safetensors") for folder in (tmp_path / "first", run("alone", False))]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
