"""The contract of every architecture: a new line in ARCHS is tested by what stands here."""

from __future__ import annotations

import pytest
import torch

from upres import checkpoint
from upres.archs import ARCHS, Network
from upres.config import config, dump
from upres.errors import ConfigError
from upres.export import TOLERANCE, export_onnx
from upres.facts import Facts
from upres.image import imresize
from upres.parts import Part, build, parse_part

SCALES = {"deconv-cnn": (2,)}
CASES = [(name, scale, channels) for name in ARCHS for scale in SCALES.get(name, (2, 3, 4)) for channels in (1, 3)]
ONE_EACH = [(name, SCALES.get(name, (3,))[0]) for name in ARCHS]


def network_of(name: str, scale: int, channels: int = 3) -> Network:
    torch.manual_seed(0)
    part = Part(name, ARCHS[name].config_type())
    return build(ARCHS, part, scale=scale, channels=channels).eval()


@pytest.mark.parametrize(("name", "scale", "channels"), CASES)
def test_output_is_scale_times_larger_for_odd_sizes(name: str, scale: int, channels: int) -> None:
    network = network_of(name, scale, channels)
    for height, width in ((1, 1), (7, 5), (12, 31)):
        lr = torch.rand(2, channels, height * network.multiple, width * network.multiple)
        with torch.inference_mode():
            sr = network(lr)
        assert sr.shape == (2, channels, lr.shape[2] * scale, lr.shape[3] * scale)
        assert torch.isfinite(sr).all()


@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_every_parameter_receives_a_gradient(name: str, scale: int) -> None:
    network = network_of(name, scale).train()
    network(torch.rand(2, 3, 9, 9)).square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize(("name", "scale", "channels"), CASES)
def test_declared_radius_is_what_the_gradient_reaches(name: str, scale: int, channels: int) -> None:
    """sr pixel X depends on lr pixels X // s ± radius, on no farther one, and on some at that distance."""
    network = network_of(name, scale, channels).double()
    radius = network.radius
    assert radius is not None
    middle = radius + 3
    reached = 0
    for phase in range(scale):
        lr = torch.rand(1, channels, 2 * middle + 1, 2 * middle + 1, dtype=torch.float64, requires_grad=True)
        place = middle * scale + phase
        network(lr)[0, :, place, place].sum().backward()
        assert lr.grad is not None
        rows = lr.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        reached = max(reached, int((rows - middle).abs().max()))
    # ReLUs switch single paths off, so the farthest pixel may stay unseen by one; it must never be exceeded.
    assert radius - 1 <= reached <= radius


@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_checkpoint_gives_the_same_output_and_configuration(name: str, scale: int, tmp_path) -> None:
    network = network_of(name, scale)
    part = Part(name, ARCHS[name].config_type())
    facts = Facts(name="n", scale=scale, arch=part.dump(), radius=network.radius, parameters=network.parameter_count)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    again, facts_again = checkpoint.load(tmp_path / "n.safetensors")
    lr = torch.rand(1, 3, 8, 9)
    assert facts_again == facts
    assert parse_part(ARCHS, facts_again.arch, where="test", key="arch") == part
    with torch.inference_mode():
        assert torch.equal(network(lr), again(lr))


@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_onnx_gives_the_same_output(name: str, scale: int, tmp_path) -> None:
    network = network_of(name, scale)
    part = Part(name, ARCHS[name].config_type())
    checkpoint.save(tmp_path / "n.safetensors", network, Facts(name="n", scale=scale, arch=part.dump(), radius=9))
    written = export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx")
    assert written.worst <= TOLERANCE


def test_bicubic_upsampling_in_a_network_is_matlabs_away_from_the_edge() -> None:
    from upres.archs.upsampling import Bicubic

    lr = torch.rand(1, 3, 9, 8, dtype=torch.float64)
    for scale in (2, 3, 4):
        layer = Bicubic(scale, 3)
        sr = torch.nn.functional.pixel_shuffle(layer(lr), scale)[0].permute(1, 2, 0).numpy()
        matlab = imresize(lr[0].permute(1, 2, 0).numpy(), scale)
        inside = slice(2 * scale, -2 * scale)
        # The kernel is stored in float32.
        assert abs(sr - matlab)[inside, inside].max() < 1e-6


def test_deconv_cnn_is_the_notebooks_network() -> None:
    network = network_of("deconv-cnn", 2)
    assert network.parameter_count == 225_027
    shapes = []
    for layer in network.children():
        layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    with torch.inference_mode():
        sr = network(torch.rand(1, 3, 16, 16))
    assert shapes == [(64, 16, 16), (64, 16, 16), (128, 33, 33), (64, 32, 32), (64, 32, 32), (3, 32, 32)]
    assert sr.shape == (1, 3, 32, 32)  # "same": the transposed convolution's last row and column are cut
    assert float(sr.min()) > 0 and float(sr.max()) < 1


def test_deconv_cnn_refuses_other_scales() -> None:
    with pytest.raises(ConfigError, match=r"deconv-cnn: scale = 4: should be 2, its one transposed convolution"):
        network_of("deconv-cnn", 4)


def test_our_cifar_network_is_no_larger_and_no_slower_than_the_notebooks() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from upres.recipes import read_recipe
    from upres.recipes.run import new_network

    costs = {}
    for name in ("cifar10-cnn-x2", "cifar10-x2"):
        _, network = new_network(read_recipe(name))
        counter = FlopCounterMode(display=False)
        with torch.inference_mode(), counter:
            network(torch.rand(1, 3, 16, 16))
        costs[name] = (network.parameter_count, counter.get_total_flops())
    assert costs["cifar10-x2"][0] <= costs["cifar10-cnn-x2"][0] == 225_027
    assert costs["cifar10-x2"][1] <= costs["cifar10-cnn-x2"][1]


def test_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"r.yaml: arch.name = 'srcn' is unknown: did you mean srcnn\?"):
        parse_part(ARCHS, {"name": "srcn"}, where="r.yaml", key="arch")


def test_wrong_configuration_names_the_dotted_key() -> None:
    with pytest.raises(ConfigError, match=r"r.yaml: unknown key arch.depth = 3: .*Known: "):
        parse_part(ARCHS, {"name": "plainres", "depth": 3}, where="r.yaml", key="arch")
    with pytest.raises(ConfigError, match=r"r.yaml: arch.width = 'wide': should be a valid integer"):
        parse_part(ARCHS, {"name": "plainres", "width": "wide"}, where="r.yaml", key="arch")


def test_a_configuration_is_plain_data_again() -> None:
    for network in ARCHS.values():
        assert dump(network.config_type()) == dump(config(network.config_type)())
