"""The contract of every discriminator: a new line in DISCRIMINATORS is tested by what stands here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from upres.archs import DISCRIMINATORS, Discriminator
from upres.config.named_parts import NamedPart, build
from upres.losses import ADVERSARIAL

SMALL = {
    "vgg": {"width": 4, "hidden": 16},
    "unet-sn": {"width": 4},
    "patch": {"width": 4},
    "multi-scale": {"width": 4, "scales": 2},
}


def discriminator_of(name: str, channels: int = 3) -> Discriminator:
    torch.manual_seed(0)
    part = NamedPart(name, DISCRIMINATORS[name].config_type(**SMALL.get(name, {})))
    return build(DISCRIMINATORS, part, channels=channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_logits_for_pictures_of_any_size(name: str, channels: int) -> None:
    discriminator = discriminator_of(name, channels)
    for height, width in ((96, 96), (33, 50), (17, 16)):
        logits = discriminator(torch.rand(2, channels, height, width))
        maps = {"patch": 1, "multi-scale": 2 if min(height, width) >= 48 else 1}
        # Three convolutions that halve, rounding down, and two of 4×4 that take a pixel each; of 24 pixels at least.
        patches = (2, maps.get(name, 0), max(height, 24) // 8 - 2, max(width, 24) // 8 - 2)
        assert logits.shape in ((2, 1), (2, 1, height, width), patches)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_parameter_and_the_picture_receive_a_gradient(name: str) -> None:
    discriminator = discriminator_of(name).train()
    pixels = torch.rand(2, 3, 48, 48, requires_grad=True)
    discriminator(pixels).square().mean().backward()
    assert pixels.grad is not None and pixels.grad.abs().max() > 0
    for parameter_name, parameter in discriminator.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_its_state_gives_the_same_logits(name: str) -> None:
    first, second = discriminator_of(name), discriminator_of(name)
    first(torch.rand(2, 3, 32, 32))  # running statistics and singular vectors move
    second.load_state_dict(first.state_dict())
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(first.eval()(pixels), second.eval()(pixels))


@pytest.mark.slow
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_it_learns_to_tell_noise_from_smooth_pictures(name: str) -> None:
    discriminator = discriminator_of(name).train()
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3)
    noise = torch.rand(4, 3, 32, 32)
    smooth = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4), 32, mode="bilinear")
    kind = ADVERSARIAL["vanilla"]
    for _ in range(60):
        optimizer.zero_grad()
        kind.discriminator(discriminator(smooth), discriminator(noise)).backward()
        optimizer.step()
    assert torch.stack(kind.right(discriminator(smooth), discriminator(noise))).mean() > 0.9


def test_published_discriminators_have_their_published_shape() -> None:
    config_type = DISCRIMINATORS["unet-sn"].config_type
    with torch.device("meta"):
        assert sum(p.numel() for p in DISCRIMINATORS["unet-sn"](config_type(), channels=3).parameters()) == 4_376_897
        vgg = DISCRIMINATORS["vgg"](DISCRIMINATORS["vgg"].config_type(), channels=3)
        patch = DISCRIMINATORS["patch"](DISCRIMINATORS["patch"].config_type(), channels=3)
    assert sum(p.numel() for p in patch.parameters()) == 2_765_633  # pix2pix's, of pictures without a condition
    convolutions = [layer for layer in vgg.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in convolutions] == [1, 2] * 4
    # Figure 4 of the paper: 96×96 pictures reach the first linear layer as 6×6.
    assert next(layer for layer in vgg.modules() if isinstance(layer, torch.nn.Linear)).in_features == 512 * 6 * 6


def test_spectral_normalisation_holds_the_largest_singular_value_at_one() -> None:
    discriminator = discriminator_of("unet-sn").train()
    for _ in range(200):  # each pass takes one step of the power iteration
        discriminator(torch.rand(1, 3, 8, 8))
    for layer in itertools.chain(discriminator.down, discriminator.up, discriminator.refine):
        matrix = layer.weight.detach().flatten(1).numpy()
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, abs=0.01)
