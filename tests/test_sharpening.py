"""Targets that are sharper than the pictures they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

from tests.small_runs import SMALL, recipe_of, rows_of, small_data
from upres.errors import ConfigError
from upres.recipes import run_recipe
from upres.train.sharpening import SharpenConfig, sharpened


@pytest.mark.parametrize(("weight", "threshold"), [(0.5, 10.0), (1.0, 0.0)])
def test_it_is_its_formula(weight: float, threshold: float) -> None:
    hr = np.random.default_rng(0).random((2, 3, 20, 33)).astype(np.float32)
    hr[:, :, :, 16:] *= 0.2
    expected = np.empty_like(hr)
    for picture, made in zip(hr.reshape(-1, 20, 33), expected.reshape(-1, 20, 33), strict=True):
        difference = picture - gaussian_filter(picture, 8, truncate=25 / 8, mode="nearest")
        edges = gaussian_filter(
            (np.abs(difference) * 255 > threshold).astype(np.float32), 8, truncate=25 / 8, mode="nearest"
        )
        made[:] = edges * np.clip(picture + weight * difference, 0, 1) + (1 - edges) * picture
    found = sharpened(torch.from_numpy(hr), SharpenConfig(weight=weight, threshold=threshold))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_steps_grow_and_flat_ground_stays() -> None:
    hr = torch.full((1, 3, 40, 80), 0.4)
    hr[..., 40:] = 0.6
    made = sharpened(hr, SharpenConfig())
    assert made[..., 40].mean() - made[..., 39].mean() > 0.21
    flat = torch.full((1, 1, 30, 30), 0.3) + 0.005 * torch.rand(1, 1, 30, 30)
    assert torch.equal(sharpened(flat, SharpenConfig()), flat)


def test_a_run_learns_from_it_and_is_validated_on_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    ended = {}
    for name, sharpen in (("plain", {}), ("sharp", {"sharpen": {"weight": 2.0, "threshold": 0.0}})):
        train = {**SMALL["train"], **sharpen}
        run_recipe(recipe_of(data, train={**train, "epochs": 1, "samples": 0}), tmp_path / name)
        ended[name] = load_file(tmp_path / name / "best.safetensors")
    assert any(not torch.equal(ended["plain"][name], ended["sharp"][name]) for name in ended["plain"])
    plain, sharp = (rows_of(tmp_path / name)[0] for name in ended)
    assert sharp["train_l1"] > plain["train_l1"] and sharp["val_psnr"] != plain["val_psnr"]
    with pytest.raises(ConfigError, match=r"train\.sharpen\.weight = 0\.0: should be above 0"):
        recipe_of(data, train={**SMALL["train"], "sharpen": {"weight": 0.0}})
