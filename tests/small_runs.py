"""Runs of seconds: a recipe, its pictures, and what such a run wrote."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from upres.archs import ARCHS, Network
from upres.image import Picture, imresize, write
from upres.recipes import Recipe, parse_recipe

# Drawing a panel and opening a logger take longer than these runs train.
BARE: dict[str, Any] = {"samples": 0, "loggers": []}
SMALL: dict[str, Any] = {
    "name": "small",
    "scale": 2,
    "seed": 5,
    "arch": {"name": "plainres", "width": 8, "blocks": 1},
    "data": {
        "patch": 12,
        "train": [{"name": "folder", "path": "train"}],
        "validation": [{"name": "folder", "path": "validation"}],
    },
    "train": {
        **{"epochs": 3, "steps_per_epoch": 8, "batch": 4, "ema": 0.9, "optimizer": {"rate": 3e-3}},
        **BARE,
    },
    "schedule": {"name": "cosine", "warmup": 2},
}


def save_smooth(folder: Path, count: int, side: int = 48) -> None:
    """Pictures with edges to sharpen: enlarged noise, cut into two levels."""
    rng = np.random.default_rng(count)
    folder.mkdir(parents=True)
    for number in range(count):
        noise = imresize(rng.random((side // 6, side // 6, 3)), 6)
        write(Picture((40 + 170 * (noise > 0.5)).astype(np.uint8)), folder / f"{number}.png")


def save_photos(folder: Path, count: int) -> None:
    """JPEGs of odd sizes, one of them gray, and an icon that is too small."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    for number in range(count):
        noise = imresize(rng.random((33 + number, 40 - number, 3)), 16)
        gray = number == 1
        write(Picture((255 * noise.clip(0, 1)).astype(np.uint8)[..., : 1 if gray else 3]), folder / f"{number}.jpg")
    write(Picture(np.zeros((32, 32, 3), np.uint8)), folder / "icon.jpg")


def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five pictures in two folders, and a cache beside them."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    save_smooth(tmp_path / "data" / "train", 3)
    save_smooth(tmp_path / "data" / "validation", 2)
    return tmp_path / "data"


def recipe_of(root: Path, **changes: object) -> Recipe:
    values = {**SMALL, **changes}
    values["data"] = {**values["data"], "root": str(root)}
    return parse_recipe(values, where="test")


def rows_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


BY_STEPS: dict[str, Any] = {
    **{key: value for key, value in SMALL["train"].items() if key != "epochs"},
    **{"steps": 20, "validate_every": {"steps": 6}, "checkpoint_every": {"steps": 4}},
}

GAN: dict[str, Any] = {
    "kind": "relativistic",
    "weight": 0.01,
    "discriminator": {"name": "unet-sn", "width": 4},
    "optimizer": {"rate": 1e-3},
    "schedule": {"name": "cosine"},
}
HARDEST: dict[str, Any] = {"adversarial": GAN, "losses": ["l1", {"name": "tv", "weight": 0.01}]}


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
        sr: torch.Tensor = self.layers(lr)
        return sr
