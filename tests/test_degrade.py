"""Degradation chains: each step against an oracle, and the same picture from the same numbers wherever it is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import torch

from upres.config.named_parts import build, parse_part
from upres.data import Patches, build_cache
from upres.data.sources.folder import Folder, FolderConfig
from upres.degrade import DEGRADATIONS
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.degrade.chain import Chain, ChainConfig
from upres.degrade.presets import PRESETS
from upres.degrade.steps import STEPS
from upres.degrade.steps.blur import Blur, BlurConfig, filtered
from upres.degrade.steps.draws import Draws, draws_of_step
from upres.degrade.steps.jpeg import SUBSAMPLING, Jpeg, JpegConfig, jpeg
from upres.degrade.steps.kernels import bell_kernels, sinc_kernels
from upres.degrade.steps.noise import Noise, NoiseConfig
from upres.degrade.steps.resize import Resize, ResizeConfig, resized
from upres.errors import ConfigError, DataError
from upres.image import Picture, imresize, write
from upres.recipes import parse_recipe, run_recipe

FOLDER = {"name": "folder", "path": "p"}


def draws(count: int = 4, step: int = 0) -> Draws:
    return draws_of_step(7, step, range(count))


def smooth(count: int, height: int, width: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Pictures `n c h w` in [0, 1] with detail of several sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((count, height, width, channels))
    for side, weight in ((3, 0.5), (9, 0.25), (200, 0.15)):
        for number in range(count):
            cells = rng.random((min(side, height), min(side, width), channels))
            total[number] += weight * imresize(cells, size=(height, width))
    return torch.from_numpy(total.clip(0, 1)).permute(0, 3, 1, 2).contiguous().float()


def by_libjpeg(levels: torch.Tensor, quality: int, subsampled: bool) -> np.ndarray:
    saved = []
    for one in levels.permute(0, 2, 3, 1).to(torch.uint8).numpy():
        image = pyvips.Image.new_from_array(np.ascontiguousarray(one))
        image = image.copy(interpretation="srgb" if one.shape[2] == 3 else "b-w")
        data = image.jpegsave_buffer(Q=quality, subsample_mode="on" if subsampled else "off")
        saved.append(np.atleast_3d(pyvips.Image.new_from_buffer(data, "").numpy()))
    return np.stack(saved).astype(int)


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
@pytest.mark.parametrize(("subsampling", "channels"), [("4:2:0", 3), ("4:4:4", 3), ("4:4:4", 1)])
@pytest.mark.parametrize("size", [(64, 48), (45, 37), (8, 17)])
def test_jpeg_is_libjpegs(quality: int, subsampling: str, channels: int, size: tuple[int, int]) -> None:
    levels = (smooth(6, *size, channels) * 255).round()
    ours = jpeg(levels, torch.full((6,), quality), subsampling).permute(0, 2, 3, 1).numpy()
    difference = abs(ours - by_libjpeg(levels, quality, subsampling == "4:2:0"))
    # Sums of its large integers are rounded in float32: very seldom a coefficient falls to the other side of a step.
    assert (difference <= 1).mean() > 0.999
    assert difference.mean() < 0.01
    assert difference.max() <= 4


def test_jpeg_takes_each_picture_at_its_own_quality() -> None:
    levels = (smooth(3, 24, 40) * 255).round()
    together = jpeg(levels, torch.tensor([10, 60, 99]))
    for number, quality in enumerate((10, 60, 99)):
        assert torch.equal(together[number : number + 1], jpeg(levels[number : number + 1], torch.tensor([quality])))
    errors = (together - levels).square().mean(dim=(1, 2, 3))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("subsampling", SUBSAMPLING)
def test_jpeg_keeps_a_flat_gray(subsampling: str) -> None:
    flat = torch.full((1, 3, 19, 21), 131.0)
    assert (jpeg(flat, torch.tensor([100]), subsampling) - 131).abs().max() == 0


@pytest.mark.parametrize("size", [(8, 6), (20, 30), (31, 17)])
def test_bicubic_resizing_is_matlabs(size: tuple[int, int]) -> None:
    x = smooth(2, 24, 16)
    matlab = [imresize(one.permute(1, 2, 0).numpy().astype(float), size=size) for one in x]
    assert abs(resized(x, size, ["bicubic"] * 2).permute(0, 2, 3, 1).numpy() - np.stack(matlab)).max() < 1e-5


def test_area_resizing_is_the_mean_and_bilinear_lies_between() -> None:
    x = smooth(2, 24, 16)
    means = torch.nn.functional.avg_pool2d(x, 4)
    assert (resized(x, (6, 4), ["area"] * 2) - means).abs().max() < 1e-6
    torch_bilinear = torch.nn.functional.interpolate(x, size=(30, 40), mode="bilinear")
    assert (resized(x, (30, 40), ["bilinear"] * 2) - torch_bilinear).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["area", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5, 7), (12, 9), (40, 33)])
def test_resizing_keeps_a_constant(name: str, size: tuple[int, int]) -> None:
    assert (resized(torch.full((1, 3, 12, 9), 0.3), size, [name]) - 0.3).abs().max() < 1e-6


def test_a_gaussian_kernel_has_its_deviation_along_its_axis() -> None:
    one = torch.ones(1)
    kernel = bell_kernels(41, torch.tensor([[3.0, 1.0]]), 0 * one, one, torch.tensor([False]))[0].double()
    place = torch.arange(41, dtype=torch.float64) - 20
    assert float(kernel.sum()) == pytest.approx(1)
    assert float((kernel.sum(0) * place**2).sum()) == pytest.approx(9, rel=1e-3)  # along x
    assert float((kernel.sum(1) * place**2).sum()) == pytest.approx(1, rel=1e-3)


def test_a_sinc_passes_what_is_below_its_cutoff_and_stops_what_is_above() -> None:
    kernel = sinc_kernels(41, torch.tensor([np.pi / 2]))[0]
    gain = torch.fft.rfft2(kernel, s=(64, 64)).abs()
    assert float(gain[0, 4]) == pytest.approx(1, abs=0.1) and float(gain[0, 30]) < 0.05


def test_each_picture_is_filtered_by_its_own_kernel() -> None:
    x = smooth(2, 9, 9)
    nothing, moved = torch.zeros(3, 3), torch.zeros(3, 3)
    nothing[1, 1], moved[1, 2] = 1, 1
    y = filtered(x, torch.stack([nothing, moved]))
    assert torch.equal(y[0], x[0]) and torch.equal(y[1, :, :, :-1], x[1, :, :, 1:])


@pytest.mark.parametrize("poisson", [False, True])
def test_noise_has_the_deviation_asked_for(poisson: bool) -> None:
    config = NoiseConfig(gaussian=(8, 8), poisson=(8, 8), poisson_share=float(poisson), gray_share=0)
    x = torch.full((4, 3, 64, 64), 0.25)
    added = (Noise(config)(x, draws(), lr=(64, 64)) - x) * 255
    assert float(added.std()) == pytest.approx(4 if poisson else 8, rel=0.03)  # a quarter of the light, half the noise
    assert abs(float(added.mean())) < 0.1
    gray = Noise(NoiseConfig(gray_share=1))(x, draws(), lr=(64, 64))
    assert torch.equal(gray[:, 0], gray[:, 1]) and torch.equal(gray[:, 0], gray[:, 2])


def test_a_step_of_probability_zero_changes_nothing() -> None:
    x = smooth(3, 20, 24)
    for step in (
        Blur(BlurConfig(probability=0)),
        Noise(NoiseConfig(probability=0)),
        Jpeg(JpegConfig(probability=0)),
        Resize(ResizeConfig(factor=(2, 2), probability=0)),
    ):
        assert torch.allclose(step(x, draws(3), lr=(5, 6)), x, atol=1e-6), type(step).__name__


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 4])
def test_every_preset_ends_at_lr_in_8_bit_levels(preset: str, channels: int, scale: int) -> None:
    chain = Chain(ChainConfig(preset=preset))
    hr = smooth(2, 12 * scale, 15 * scale, channels)
    for step in range(3):
        lr = chain.batch(hr, scale=scale, draws=draws(2, step))
        assert lr.shape == (2, channels, 12, 15)
        assert (lr * 255 - (lr * 255).round()).abs().max() < 1e-4
        assert lr.min() >= 0 and lr.max() <= 1
        bicubic = resized(hr, (12, 15), ["bicubic"] * 2)
        assert (lr - bicubic).abs().mean() < 0.25  # still the same picture


@pytest.mark.parametrize("preset", PRESETS)
def test_a_pictures_numbers_do_not_depend_on_the_rest_of_the_batch(preset: str) -> None:
    chain = Chain(ChainConfig(preset=preset))
    hr = smooth(4, 40, 40)
    for step in range(3):
        whole = chain.batch(hr, scale=2, draws=draws_of_step(1, step, range(4)))
        share = chain.batch(hr[1::2], scale=2, draws=draws_of_step(1, step, range(1, 4, 2)))
        # The same but for what sums of other lengths round; a level that falls to the other side may grow in JPEG.
        assert ((whole[1::2] - share).abs() * 255 > 1).float().mean() < 0.02
    again = chain.batch(hr, scale=2, draws=draws_of_step(1, 2, range(4)))
    assert torch.equal(whole, again)
    assert not torch.equal(whole, chain.batch(hr, scale=2, draws=draws_of_step(1, 3, range(4))))


def test_a_whole_picture_depends_on_its_generator_only() -> None:
    chain = Chain(ChainConfig(preset="photo"))
    hr = (smooth(1, 64, 48)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    first, second, other = (chain(hr, scale=4, rng=np.random.default_rng((0, k))) for k in (1, 1, 2))
    assert first.shape == (16, 12, 3) and first.dtype == np.uint8
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def folder_of(tmp_path: Path, sides: tuple[int, ...]) -> Folder:
    (tmp_path / "p").mkdir()
    for number, side in enumerate(sides):
        pixels = (smooth(1, side, side, seed=number)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        write(Picture(np.ascontiguousarray(pixels)), tmp_path / "p" / f"{number}.png")
    return Folder(FolderConfig(path="p"), root=tmp_path)


def patches_of(tmp_path: Path, chain: Chain | None, patch: int = 12) -> Patches:
    source = Folder(FolderConfig(path="p"), root=tmp_path)
    bicubic = Bicubic(BicubicConfig())
    cache = build_cache([source], bicubic, "bicubic", scale=2, colour="rgb", seed=0, home=tmp_path / "cache")
    return Patches(cache, patch=patch, batch=4, seed=3, steps=4, degradation=chain)


def test_batches_are_redrawn_at_every_step_and_are_a_function_of_seed_and_step(tmp_path: Path) -> None:
    folder_of(tmp_path, (64, 72))
    chain = Chain(ChainConfig(preset="photo"))
    first, second = (patches_of(tmp_path, chain) for _ in range(2))
    first.at(0)
    lr, hr = first.at(7)
    assert lr.shape == (4, 12, 12, 3) and hr.shape == (4, 24, 24, 3) and lr.dtype == hr.dtype == np.uint8
    assert all(np.array_equal(a, b) for a, b in zip((lr, hr), second.at(7), strict=True))
    assert not np.array_equal(lr, first.at(8)[0])
    share = first.at(7, slice(1, None, 2))
    assert np.array_equal(share[1], hr[1::2])
    assert (abs(share[0].astype(int) - lr[1::2]) > 1).mean() < 0.02


def test_the_margin_is_cut_alike_from_both_partners(tmp_path: Path) -> None:
    folder_of(tmp_path, (64,))
    plain = Chain(ChainConfig(steps=({"name": "resize", "filters": {"bicubic": 1.0}},), margin=5))
    seen = set()
    for step in range(4):
        lr, hr = patches_of(tmp_path, plain).at(step)
        for small, large in zip(lr, hr, strict=True):
            difference = imresize(large, 0.5).astype(int)[2:-2, 2:-2] - small[2:-2, 2:-2]
            assert abs(difference).max() <= 1
            seen.add(small.tobytes())
    assert len(seen) == 16


def test_pictures_without_room_for_the_margin_are_named(tmp_path: Path) -> None:
    folder_of(tmp_path, (30,))
    with pytest.raises(DataError, match=r"than the patch of 12 and the margin of 4 that its degradation needs: 0\.png"):
        patches_of(tmp_path, Chain(ChainConfig(preset="photo")))


def parsed(values: dict[str, Any]) -> Any:
    return parse_part(DEGRADATIONS, {"name": "chain", **values}, where="r.yaml", key="degradation")


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_recipe_writes_out_reads_back_the_same(preset: str) -> None:
    part = parsed({"preset": preset})
    assert part.config.steps[0]["name"] in STEPS
    assert all(len(step) > 1 for step in part.config.steps)  # defaults are written out
    again = parse_part(DEGRADATIONS, part.dump(), where="r.yaml", key="degradation")
    assert again.dump() == part.dump()
    assert isinstance(build(DEGRADATIONS, again), Chain)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"steps is empty: give steps, or a preset: bsrgan, photo, real-esrgan"),
        ({"preset": "foto"}, r"preset = 'foto' is unknown: did you mean photo\?"),
        ({"steps": [{"name": "blurr"}]}, r"steps\.0\.name = 'blurr' is unknown: did you mean blur\?"),
        ({"steps": [{"name": "blur", "sigm": 3}]}, r"unknown key steps\.0\.sigm = 3: did you mean sigma\?"),
        (
            {"steps": [{"name": "jpeg", "quality": [90, 30]}]},
            r"quality = \[90.*\]: should be two rising numbers from 1",
        ),
        ({"steps": [{"name": "blur", "kinds": {"round": 1}}]}, r"kinds\.round is unknown: "),
        ({"steps": [{"name": "resize", "filters": {"cubic": 1}}]}, r"filters\.cubic is unknown: did you mean bicubic"),
        ({"steps": [{"name": "jpeg", "subsampling": {"420": 1}}]}, r"subsampling\.420 is unknown: "),
        ({"steps": [{"name": "noise", "probability": 2}]}, r"probability = 2.*: should be from 0 to 1"),
        ({"steps": [{"name": "blur", "side": 4}]}, r"side = 4: should be odd"),
        ({"steps": [{"name": "shuffle", "steps": [{"name": "jpg"}]}]}, r"steps\.0\.name = 'jpg' is unknown: did you"),
        (
            {
                "steps": [
                    {"name": "blur"},
                    {"name": "shuffle", "steps": [{"name": "shuffle", "steps": [{"name": "blur"}]}]},
                ]
            },
            r"^r\.yaml: degradation\.steps\.1\.steps\.0\.name = 'shuffle': a shuffle holds no other",
        ),
        ({"preset": "photo", "margin": -1}, r"margin = -1: should not be negative"),
    ],
)
def test_a_wrong_chain_says_what_where_and_what_is_allowed(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        parsed(values)
    assert str(error.value).startswith("r.yaml: ") and "\n" not in str(error.value)


def test_data_and_evaluation_do_not_load_pytorch() -> None:
    code = "import sys, upres.data, upres.evaluation.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_a_resumed_run_draws_the_degradations_that_come_next(tmp_path: Path) -> None:
    folder_of(tmp_path, (48, 56))
    values = {
        "name": "photo",
        "scale": 2,
        "arch": {"name": "espcn", "widths": [4, 4]},
        "degradation": {"name": "chain", "preset": "photo"},
        "data": {"root": str(tmp_path), "patch": 12, "train": [FOLDER], "validation": [FOLDER]},
        "train": {"epochs": 2, "steps_per_epoch": 2, "batch": 2, "samples": 0, "loggers": []},
    }

    def weights(epochs: int, folder: str, resume: bool = False) -> dict[str, torch.Tensor]:
        values["train"]["epochs"] = epochs  # type: ignore[index]
        run_recipe(parse_recipe(values, where="r.yaml"), tmp_path / folder, resume=resume)
        state: dict[str, torch.Tensor] = torch.load(tmp_path / folder / "last.ckpt", weights_only=True)["state_dict"]
        return state

    whole = weights(2, "whole")
    weights(1, "parts")
    parts = weights(2, "parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
