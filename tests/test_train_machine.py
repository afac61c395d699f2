"""How a run uses its machine: device, compiler, memory, batches drawn ahead. None of it may change what is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.commands import Command
from tests.small_archs import SMALL as SMALL_ARCHS
from tests.small_runs import BY_STEPS, SMALL, Dropping, equal_runs, recipe_of, rows_of, small_data
from upres.archs import ARCHS, Network
from upres.archs.layers.blocks import Blocks
from upres.cli.train import Device
from upres.config.named_parts import NamedPart, build
from upres.data import Patches, build_cache, open_source
from upres.degrade import DEGRADATIONS
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import ConfigError, DeviceMemoryError
from upres.image import Picture, write
from upres.recipes import components, read_recipe, run_recipe
from upres.recipes.resuming import read_changes
from upres.train import DEVICES, device_type, fit
from upres.train.resident import ResidentPatches


def train(**values: Any) -> dict[str, Any]:
    return {**SMALL["train"], **values}


def network_of(name: str) -> Network:
    torch.manual_seed(0)
    part = NamedPart(name, ARCHS[name].config_type(**SMALL_ARCHS.get(name, {})))
    return build(ARCHS, part, scale=2, channels=3).train()


def with_blocks() -> list[str]:
    return [name for name in ARCHS if any(isinstance(part, Blocks) for part in network_of(name).modules())]


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="tells what is missing")
def test_a_device_that_is_not_here_is_told_before_anything_is_read(tmp_path: Path, command: Command) -> None:
    assert device_type("auto") == device_type("cpu") == "cpu"
    for asked in ("cuda", "mps", "gpu"):
        with pytest.raises(
            ConfigError, match=rf"device = '{asked}': PyTorch .* sees cpu here.*; take one of these, or"
        ):
            device_type(asked)
    said = command.refused(tmp_path, "train", "base-x4", "--data", "nowhere", "--device", "cuda")
    assert "--device" in said and "sees cpu here" in said
    with pytest.raises(ConfigError, match=r"device = 'cud' is unknown: did you mean cuda\?"):
        device_type("cud")
    assert tuple(Device) == DEVICES


@pytest.mark.skipif(torch.cuda.is_available(), reason="there it trains")
def test_fp16_is_refused_where_it_would_become_another_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(tmp_path, monkeypatch)
    with pytest.raises(
        ConfigError, match=r"train\.precision = 'fp16': PyTorch trains so on GPUs alone, and this run is"
    ):
        run_recipe(recipe_of(data, train=train(precision="fp16")), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", with_blocks())
def test_recomputed_blocks_give_the_same_gradients_and_statistics_and_keep_less(name: str) -> None:
    lr = torch.rand(2, 3, 16, 16)
    kept, gradients, buffers = [], [], []
    for recomputed in (False, True):
        network, held = network_of(name), [0]
        for part in network.modules():
            if isinstance(part, Blocks):
                part.recomputed = recomputed

        def hold(tensor: torch.Tensor, held: list[int] = held) -> torch.Tensor:
            held[0] += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
            loss = network(lr).square().mean()
        loss.backward()
        kept.append(held[0])
        gradients.append({key: parameter.grad for key, parameter in network.named_parameters()})
        buffers.append(dict(network.named_buffers()))
    assert kept[1] < kept[0]
    for one, other in (gradients, buffers):
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_gradient_checkpointing_is_for_networks_of_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    arch = {"name": "srresnet", "width": 4, "blocks": 1}
    for name, asked in (("plain", False), ("again", True)):
        run_recipe(recipe_of(data, arch=arch, train=train(epochs=1, gradient_checkpointing=asked)), tmp_path / name)
    equal_runs(tmp_path / "plain", tmp_path / "again")
    with pytest.raises(ConfigError, match=r"train\.gradient_checkpointing: this architecture has no row of blocks"):
        run_recipe(recipe_of(data, arch="espcn", train=train(gradient_checkpointing=True)), tmp_path / "none")
    with pytest.raises(
        ConfigError, match=r"train\.compile = 'default': PyTorch's compiler does not know batch normalis"
    ):
        both = train(gradient_checkpointing=True, compile="default")
        run_recipe(recipe_of(data, arch=arch, train=both), tmp_path / "both")


@pytest.mark.parametrize("degradation", ["bicubic", {"name": "chain", "preset": "photo"}])
def test_batches_drawn_ahead_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degradation: Any) -> None:
    data = small_data(tmp_path, monkeypatch)
    for name, ahead in (("none", 0), ("some", 5)):
        # Without steps_per_epoch an epoch of three pictures is three batches, each epoch in an order of its own.
        options = {**BY_STEPS, "prefetch": ahead, "steps": 12, "steps_per_epoch": None, "batch": 1}
        run_recipe(recipe_of(data, degradation=degradation, train=options), tmp_path / name)
    equal_runs(tmp_path / "none", tmp_path / "some")


@pytest.mark.parametrize("degradation", ["bicubic", {"name": "chain", "preset": "photo"}])
def test_pictures_that_lie_on_the_device_give_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degradation: Any
) -> None:
    data = small_data(tmp_path, monkeypatch)
    for name, resident in (("sent", False), ("resident", True)):
        options = {**BY_STEPS, "resident": resident, "steps": 8, "batch": 3}
        run_recipe(recipe_of(data, degradation=degradation, train=options), tmp_path / name)
    equal_runs(tmp_path / "sent", tmp_path / "resident")


@pytest.mark.parametrize("colour", ["rgb", "gray"])
@pytest.mark.parametrize("options", [{}, {"augment": False}, {"candidates": 3}, {"steps": 5}, {"degraded": True}])
def test_batches_that_are_cut_on_the_device_are_those_of_the_processor(
    tmp_path: Path, colour: Any, options: dict[str, Any]
) -> None:
    """Turned crops of pictures of several sizes, in shares as two processes take them."""
    rng = np.random.default_rng(0)
    for number, (height, width) in enumerate(((40, 64), (72, 48), (56, 56))):
        (tmp_path / "hr").mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        write(Picture(pixels), tmp_path / "hr" / f"{number}.png")
    bicubic = Bicubic(BicubicConfig())
    given = {key: value for key, value in options.items() if key != "degraded"}
    if "degraded" in options:
        chain = NamedPart("chain", DEGRADATIONS["chain"].config_type(preset="photo"))
        given["degradation"] = build(DEGRADATIONS, chain)
    home = tmp_path / "cache"
    source = [open_source(str(tmp_path / "hr"))]
    cache = build_cache(source, bicubic, "bicubic", scale=2, colour=colour, seed=0, home=home)
    patches = Patches(cache, patch=8, batch=6, seed=3, **given)
    resident = ResidentPatches(patches, torch.device("cpu"))
    for step in range(7):
        for share in (slice(None), slice(1, None, 2)):
            for ours, theirs in zip(resident.at(step, share), patches.at(step, share), strict=True):
                assert ours.dtype == torch.uint8
                assert np.array_equal(ours.numpy(), theirs), (step, share)


def test_pictures_that_do_not_fit_are_told_with_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    empty = torch.empty

    def full(*size: Any, **rest: Any) -> torch.Tensor:
        if rest.get("dtype") == torch.uint8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")
        return empty(*size, **rest)

    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(ConfigError, match=r"train\.resident: the training pictures take .* GB, more than cpu has free"):
        run_recipe(recipe_of(data, train=train(resident=True)), tmp_path / "run")


def test_how_the_machine_is_used_may_change_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    run_recipe(recipe_of(data), tmp_path / "whole")
    run_recipe(recipe_of(data, train=train(epochs=1)), tmp_path / "broken")
    # An epoch ends with the rate of its schedule's end: both have to know of all three.
    run_recipe(recipe_of(data, train=train(epochs=3), schedule="constant"), tmp_path / "flat")
    run_recipe(recipe_of(data, train=train(epochs=1), schedule="constant"), tmp_path / "cut")
    changed = train(gradient_checkpointing=True, resident=True)
    run_recipe(recipe_of(data, train=changed, schedule="constant"), tmp_path / "cut", resume=True)
    equal_runs(tmp_path / "flat", tmp_path / "cut")
    keys = {change.key for change in read_changes(tmp_path / "cut")}
    assert keys == {"train.epochs", "train.gradient_checkpointing", "train.resident"}


def test_wrong_words() -> None:
    for setting, said in (
        ("train.compile=fast", r"train\.compile = 'fast' is unknown: did you mean default\? Known: default, max-auto"),
        ("train.compile=true", r"train\.compile = True: should be text"),
        ("train.resident=9", r"train\.resident = 9"),
        ("train.prefetch=65", r"train\.prefetch = 65: should be from 0 to 64"),
        (
            "train.gradient_checkpoint=true",
            r"unknown key train\.gradient_checkpoint = True: did you mean gradient_check",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            read_recipe("base-x4", settings=[setting])


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_a_compiled_step_learns_what_the_plain_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    data = small_data(tmp_path, monkeypatch)
    arch = {"name": "edsr", "width": 8, "blocks": 2}
    for name, mode in (("plain", "none"), ("compiled", "default")):
        options = train(epochs=2, compile=mode, gradient_checkpointing=again)
        run_recipe(recipe_of(data, arch=arch, train=options), tmp_path / name)
    plain, made = (load_file(tmp_path / name / "best.safetensors") for name in ("plain", "compiled"))
    assert plain.keys() == made.keys()
    # Another order of sums, which sixteen steps carry on.
    for name, tensor in plain.items():
        torch.testing.assert_close(made[name], tensor, rtol=1e-3, atol=1e-4)
    first, second = (rows_of(tmp_path / name)[-1]["val_psnr"] for name in ("plain", "compiled"))
    assert first == pytest.approx(second, abs=0.01)


@pytest.mark.slow
def test_where_nothing_can_be_compiled_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (str(tmp_path / "no-compiler"),))
    torch._dynamo.reset()
    with pytest.raises(
        ConfigError, match=r"train\.compile = 'default': PyTorch cannot compile here \(.*\); install what"
    ):
        run_recipe(recipe_of(data, train=train(compile="default")), tmp_path / "run")


class Greedy(Dropping):
    """Asks the machine for a pebibyte, which none has: in training, or where it is measured."""

    in_training = True

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        if self.training == self.in_training:
            torch.empty(1 << 50)
        return super().forward(lr)


class GreedyInUse(Greedy):
    """It trains, and does not hold the validation pictures."""

    in_training = False


def test_memory_that_is_exhausted_is_one_line_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_data(tmp_path, monkeypatch)

    def said(kind: type[Greedy], **values: Any) -> str:
        made = components(recipe_of(root, train=train(ema=0.0, **values)))
        with pytest.raises(DeviceMemoryError) as caught:
            fit(replace(made, network=kind(made.facts, scale=2, channels=3)), tmp_path / kind.__name__)
        return str(caught.value)

    assert said(Greedy) == (
        "the memory of cpu is exhausted at step 1 (train.batch = 4, data.patch = 12); set train.batch = 2 with "
        "train.accumulate = 2 (the same steps), a smaller data.patch, or train.precision = bf16"
    )
    assert said(Greedy, batch=1, precision="bf16").endswith("data.patch = 12); set a smaller data.patch")
    # Half of 5 is not a half, and what is resident need not be.
    assert said(Greedy, batch=5, precision="bf16", resident=True).endswith(
        "set train.batch = 2, a smaller data.patch, or train.resident = false"
    )
    assert "exhausted by the validation pictures, which are enlarged whole; give" in said(GreedyInUse)
