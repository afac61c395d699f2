"""The contract of every architecture: a new line in ARCHS is tested by what stands here."""

from __future__ import annotations

import re

import pytest
import torch

from tests.small_archs import SMALL
from upres.archs import ARCHS, Network
from upres.archs.cost import multiply_adds
from upres.archs.folding import folded
from upres.archs.initializing import INITIALIZATIONS
from upres.archs.outline import outline
from upres.archs.plainres import PlainRes, PlainResConfig
from upres.archs.repres import RepRes, RepResConfig
from upres.config.named_parts import NamedPart, build, parse_part
from upres.errors import ConfigError, ModelError
from upres.export.onnx import TOLERANCE, export_onnx
from upres.image import imresize
from upres.models import checkpoint
from upres.models.facts import Facts

DAT = {"width": 180, "depths": (6,) * 6, "convs": 1, "upsampler": "pixel-shuffle"}
# As published: the same number added to every likeness of a softmax, or taken off again by a batch normalisation.
WITHOUT_EFFECT = {"dat": r".*\.biases\.\d\.layers\.2\.bias|.*\.beside\.(conv|channels|places)\.0\.bias"}
SCALES = {"deconv-cnn": (2,)}
CASES = [(name, scale, channels) for name in ARCHS for scale in SCALES.get(name, (2, 3, 4)) for channels in (1, 3)]
ONE_EACH = [(name, SCALES.get(name, (3,))[0]) for name in ARCHS]


def network_of(name: str, scale: int, channels: int = 3) -> Network:
    torch.manual_seed(0)
    network = build(ARCHS, part_of(name), scale=scale, channels=channels).train()
    with torch.no_grad():
        network(torch.rand(2, channels, 8, 8))  # a batch normalisation that has seen something
    return network.eval()


def part_of(name: str) -> NamedPart:
    return NamedPart(name, ARCHS[name].config_type(**SMALL.get(name, {})))


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
def test_its_outline_has_every_parameter_once(name: str, scale: int) -> None:
    network = network_of(name, scale)
    layers = outline(network, side=8)
    assert sum(layer.parameters for layer in layers) == sum(each.numel() for each in folded(network).parameters())
    assert len({layer.name for layer in layers}) == len(layers)


@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_every_parameter_receives_a_gradient(name: str, scale: int) -> None:
    network = network_of(name, scale).train()
    network(torch.rand(2, 3, 9, 9)).square().mean().backward()
    idle = [
        parameter_name
        for parameter_name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    ]
    assert [each for each in idle if not re.fullmatch(WITHOUT_EFFECT.get(name, ""), each)] == []


@pytest.mark.slow
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_a_short_training_halves_the_loss(name: str, scale: int, precision: torch.dtype) -> None:
    """On four crops, which any of them can learn; under autocast as in a run with train.precision bf16."""
    network = network_of(name, scale).train()
    lr = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4), (16, 16), mode="bicubic").clamp(0, 1)
    hr = torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bicubic").clamp(0, 1)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(60):
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            loss = torch.nn.functional.l1_loss(network(lr).float(), hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < sum(losses[:5]) / 2


@pytest.mark.parametrize(("name", "scale", "channels"), CASES)
def test_declared_radius_is_what_the_gradient_reaches(
    name: str, scale: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sr pixel X depends on lr pixels X // s ± radius, on no farther one, and on some at that distance."""
    # A maximum looks at the pixels that a mean does, but lets the gradient pass to one of them only; a ReLU
    # switches whole paths off.
    monkeypatch.setattr("torch.nn.functional.max_pool2d", torch.nn.functional.avg_pool2d)
    monkeypatch.setattr("torch.nn.functional.relu", lambda x, inplace=False: torch.nn.functional.leaky_relu(x, 0.1))
    network = network_of(name, scale, channels)
    probe_radius(network) if network.radius is not None else probe_no_radius(network)


def probe_no_radius(network: Network) -> None:
    """A longer picture gives other pixels far from where it was lengthened."""
    network = network.double()
    with torch.no_grad():
        for parameter in network.parameters():  # what begins at zero would hide what it is for
            parameter.add_(0.1 * torch.randn_like(parameter))
    lr = torch.rand(1, network.channels, 16, 96, dtype=torch.float64)
    with torch.inference_mode():
        whole, part = (network(pixels)[..., : 16 * network.scale] for pixels in (lr, lr[..., :88]))
    assert (whole - part).abs().max() > 1e-9


@pytest.mark.parametrize(
    ("name", "options", "scale"),
    [
        ("plainusr", {"widths": (6, 4), "attention": 0}, 2),
        ("rrdb", {"width": 4, "growth": 2, "blocks": 0, "unshuffle": 2}, 2),
        ("rrdb", {"width": 4, "growth": 2, "blocks": 0, "unshuffle": 4}, 1),
        ("edsr", {"width": 4, "blocks": 1, "mean": (0.4, 0.5, 0.6)}, 2),
        ("realplksr", {"width": 4, "blocks": 1, "kernel": 5, "norm": 0}, 2),
    ],
)
def test_variants_keep_size_radius_and_pixels_in_onnx(name: str, options: dict, scale: int, tmp_path) -> None:
    torch.manual_seed(0)
    part = NamedPart(name, ARCHS[name].config_type(**options))
    network = build(ARCHS, part, scale=scale, channels=3).eval()
    facts = Facts(name="n", scale=scale, arch=part.dump(), radius=network.radius, multiple=network.multiple)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    assert export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx").worst <= TOLERANCE
    sides = network.multiple, 3 * network.multiple
    assert network(torch.rand(1, 3, *sides)).shape == (1, 3, sides[0] * scale, sides[1] * scale)
    probe_radius(network)


@pytest.mark.parametrize("upsampler", ["pixel-shuffle", "nearest", "bilinear", "transposed"])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 6])
def test_every_upsampler_keeps_size_and_radius(upsampler: str, scale: int) -> None:
    torch.manual_seed(0)
    part = parse_part(
        ARCHS, {"name": "edsr", "width": 4, "blocks": 0, "upsampler": upsampler}, where="test", key="arch"
    )
    network = build(ARCHS, part, scale=scale, channels=1)
    assert network(torch.rand(1, 1, 5, 7)).shape == (1, 1, 5 * scale, 7 * scale)
    probe_radius(network)


@pytest.mark.parametrize("name", ["edsr", "rrdb", "srresnet", "unet"])
def test_a_fixed_skip_adds_the_enlarged_picture(name: str) -> None:
    config_type = ARCHS[name].config_type
    plain, skipping = (
        build(ARCHS, NamedPart(name, config_type(**SMALL[name], upsampling=kind)), scale=2, channels=3).eval()
        for kind in ("none", "bicubic")
    )
    skipping.load_state_dict(plain.state_dict())
    lr = torch.rand(1, 3, 12, 8)
    matlab = imresize(lr[0].permute(1, 2, 0).numpy(), 2)
    with torch.inference_mode():
        added = (skipping(lr) - plain(lr))[0].permute(1, 2, 0).numpy()
    assert abs(added - matlab)[4:-4, 4:-4].max() < 1e-5


def probe_radius(network: Network) -> None:
    network = network.double()
    radius, scale = network.radius, network.scale
    assert radius is not None
    middle, multiple = radius + 3, network.multiple
    height = 2 * middle + multiple
    # How far rows reach is looked at: the picture is as wide as pooling and the phases need.
    shape = (1, network.channels, height + -height % multiple, 8 + -8 % multiple + multiple)
    lr = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    sr = network(lr)
    reached = 0
    for phase in range(scale * multiple):  # where a pixel lies in the grid of a pooling matters too
        place = middle * scale + phase
        (gradient,) = torch.autograd.grad(sr[0, :, place, 4 * scale + phase].sum(), lr, retain_graph=True)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        reached = max(reached, int((rows - place // scale).abs().max()))
    # The farthest path may lead through what is left of ReLUs, or carry nothing (the middle of a bilinear ×3 looks
    # at one pixel, not two), so one pixel may stay unseen; the radius must never be exceeded.
    assert radius - 1 <= reached <= radius


@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_checkpoint_gives_the_same_output_and_configuration(name: str, scale: int, tmp_path) -> None:
    network = network_of(name, scale)
    part = part_of(name)
    facts = Facts(name="n", scale=scale, arch=part.dump(), radius=network.radius, parameters=network.parameter_count)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    again, facts_again = checkpoint.load(tmp_path / "n.safetensors")
    lr = torch.rand(1, 3, 8, 9)
    assert facts_again == facts
    assert parse_part(ARCHS, facts_again.arch, where="test", key="arch") == part
    with torch.inference_mode():
        assert torch.equal(network(lr), again(lr))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), ONE_EACH)
def test_onnx_gives_the_same_output(name: str, scale: int, tmp_path) -> None:
    network = network_of(name, scale)
    facts = Facts(name="n", scale=scale, arch=part_of(name).dump(), radius=9, multiple=network.multiple)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    written = export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx")
    assert written.worst <= TOLERANCE


def test_what_export_folded_is_not_rebuilt(tmp_path) -> None:
    facts = Facts(name="n", scale=2, arch=part_of("fsrcnn").dump())
    checkpoint.save(tmp_path / "n.safetensors", network_of("fsrcnn", 2), facts)
    export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx")
    with pytest.raises(ModelError, match=r"n.onnx: 5 tensors of fsrcnn \(body.1.weight, …\) were folded into others"):
        checkpoint.load_onnx(tmp_path / "n.onnx")


def test_bicubic_upsampling_in_a_network_is_matlabs_away_from_the_edge() -> None:
    from upres.archs.layers.fixed_upsampling import Bicubic

    lr = torch.rand(1, 3, 9, 8, dtype=torch.float64)
    for scale in (2, 3, 4):
        layer = Bicubic(scale, 3)
        sr = torch.nn.functional.pixel_shuffle(layer(lr), scale)[0].permute(1, 2, 0).numpy()
        matlab = imresize(lr[0].permute(1, 2, 0).numpy(), scale)
        inside = slice(2 * scale, -2 * scale)
        # The kernel is stored in float32.
        assert abs(sr - matlab)[inside, inside].max() < 1e-6


def test_espcn_takes_more_convolutions_and_keeps_what_it_was() -> None:
    arch = parse_part(ARCHS, {"name": "espcn", "widths": [8, 6, 4], "activation": "relu"}, where="r", key="arch")
    network = build(ARCHS, arch, scale=4, channels=3)
    assert [tuple(each.weight.shape) for each in network.modules() if isinstance(each, torch.nn.Conv2d)] == [
        *((8, 3, 5, 5), (6, 8, 3, 3), (4, 6, 3, 3), (48, 4, 3, 3)),
    ]
    assert network.radius == 5
    assert {name.split(".")[0] for name in network_of("espcn", 4).state_dict()} == {"first", "second", "last"}
    with pytest.raises(ConfigError, match=r"widths = \[8\]: should be two or more"):
        parse_part(ARCHS, {"name": "espcn", "widths": [8]}, where="r", key="arch")


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


def test_dat_refuses_to_be_trained_on_a_single_picture() -> None:
    with pytest.raises(ConfigError, match=r"dat: normalises over the pictures of a batch; train.batch should be at"):
        network_of("dat", 2).train()(torch.rand(1, 3, 8, 8))


def test_our_cifar_network_is_no_larger_and_no_slower_than_the_notebooks() -> None:
    from upres.recipes import new_network, read_recipe

    costs = {}
    for name in ("cifar10-cnn-x2", "cifar10-x2"):
        _, network = new_network(read_recipe(name))
        costs[name] = (network.parameter_count, multiply_adds(network, 16, 16))
    assert costs["cifar10-x2"][0] <= costs["cifar10-cnn-x2"][0] == 225_027
    assert costs["cifar10-x2"][1] <= costs["cifar10-cnn-x2"][1]


@pytest.mark.parametrize(
    ("name", "options", "scale", "count"),
    [
        ("edsr", {}, 2, 1_369_859),  # EDSR-baseline: 1.37, 1.55 and 1.52 million in the tables of later papers
        ("edsr", {}, 3, 1_554_499),
        ("edsr", {}, 4, 1_517_571),
        ("rrdb", {}, 4, 16_697_987),  # ESRGAN's published file
        ("swinir", {}, 2, 910_152),  # the lightweight files' tensors, and the classical ones'
        ("swinir", {}, 4, 929_628),
        ("swinir", {"width": 180, "depths": (6,) * 6, "upsampler": "pixel-shuffle"}, 2, 11_752_487),
        ("realplksr", {}, 4, 7_389_680),
        ("hat", {}, 4, 9_621_183),  # HAT-S: 9.62 million in the paper
        ("hat", {"width": 180, "compression": 3, "squeeze": 30}, 4, 20_772_507),
        ("dat", {}, 2, 553_290),  # the light model: 573 K at ×4 in its authors' table
        ("dat", {}, 4, 572_766),
        ("dat", {**DAT, "window": (8, 16)}, 4, 11_212_131),  # DAT-S and DAT-2: 11.21 million in that table
        ("dat", {**DAT, "expansion": 4.0}, 4, 14_802_051),  # DAT: 14.80
        ("omnisr", {}, 2, 784_604),  # 772, 780 and 792 K in the paper, by a counter that leaves out 12,880:
        ("omnisr", {}, 3, 793_259),  # tables of offsets (9,000), normalisations (3,840), temperatures (40)
        ("omnisr", {}, 4, 805_376),
    ],
)
def test_published_networks_have_their_published_number_of_parameters(
    name: str, options: dict, scale: int, count: int
) -> None:
    with torch.device("meta"):
        network = ARCHS[name](ARCHS[name].config_type(**options), scale=scale, channels=3)  # type: ignore[misc]
    assert network.parameter_count == count


# 1280×720 at the scale, in lr pixels; a multiple of every window where a paper leaves open how it fills them up.
HD = {2: (360, 640), 3: (240, 426), 4: (180, 320)}


@pytest.mark.parametrize(
    ("name", "options", "scale", "sides", "stated", "apart"),
    [
        # Figures are rounded, and some counters see normalisations and activations besides, so these may be larger.
        # SAFMN's table of efficient networks (its repository, figs/efficient_sr.png), by fvcore.
        ("edsr", {}, 2, HD[2], 316, 0.002),
        ("edsr", {}, 3, HD[3], 160, 0.003),
        ("edsr", {}, 4, HD[4], 114, 0.003),
        ("srcnn", {"kernels": (9, 5, 5)}, 4, HD[4], 53, 0.01),
        ("safmn", {}, 2, HD[2], 52, 0.011),
        ("safmn", {}, 3, HD[3], 23, 0.03),  # 426 is continued to 432
        ("rlfn", {"width": 52}, 4, HD[4], 29.88, 0.003),  # figs/esr_winner.png
        ("safmn", {}, 4, (184, 320), 13.56 * 184 / 180, 0.003),
        # SMFANet's two tables (its repository, figs): it measures variances, which its counter sees.
        ("smfanet", {}, 2, HD[2], 41, 0.06),
        ("smfanet", {}, 3, HD[3], 19, 0.07),
        ("smfanet", {}, 4, HD[4], 11, 0.06),
        ("swinir", {}, 2, HD[2], 244, 0.02),
        ("swinir", {}, 3, HD[3], 114, 0.05),
        ("swinir", {}, 4, HD[4], 65, 0.04),
        # HAT's README, of 64×64 pixels.
        ("swinir", {"width": 180, "depths": (6,) * 6, "upsampler": "pixel-shuffle"}, 4, (64, 64), 53.6, 0.002),
        ("hat", {}, 4, (64, 64), 54.9, 0.01),
        ("hat", {"width": 180, "compression": 3, "squeeze": 30}, 4, (64, 64), 102.4, 0.02),
        # DAT's README, of 128×128 pixels; the light model's of 320×180, of which it fills up only within attention.
        ("dat", {**DAT, "window": (8, 16)}, 4, (128, 128), 203.34, 0.011),
        ("dat", {**DAT, "expansion": 4.0}, 4, (128, 128), 275.75, 0.011),
        ("dat", DAT, 4, (128, 128), 216.93, 0.011),
        ("dat", {}, 4, HD[4], 49.69, 0.025),
    ],
)
def test_published_networks_have_their_stated_multiply_adds(
    name: str, options: dict, scale: int, sides: tuple[int, int], stated: float, apart: float
) -> None:
    channels = 1 if name == "srcnn" else 3
    with torch.device("meta"):
        network = ARCHS[name](ARCHS[name].config_type(**options), scale=scale, channels=channels)  # type: ignore[misc]
    assert multiply_adds(network, *sides) / 1e9 == pytest.approx(stated, rel=apart)


def test_multiply_adds_are_those_of_the_convolutions() -> None:
    network = build(
        ARCHS, parse_part(ARCHS, {"name": "repres", "width": 8, "blocks": 1}, where="", key=""), scale=2, channels=3
    )
    convs = [module for module in folded(network).modules() if isinstance(module, torch.nn.Conv2d)]
    assert multiply_adds(network, 5, 7) == 35 * sum(conv.weight.numel() for conv in convs)
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())


def test_fsrcnn_has_the_papers_12464_weights() -> None:
    network = build(ARCHS, NamedPart("fsrcnn", ARCHS["fsrcnn"].config_type()), scale=3, channels=1)
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.ndim == 4) == 12_464


def test_the_unet_enlarges_what_the_face_project_did() -> None:
    network = build(ARCHS, NamedPart("unet", ARCHS["unet"].config_type()), scale=4, channels=3).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 32, 32)).shape == (1, 3, 128, 128)
    assert [type(layer).__name__ for layer in network.upsampler] == ["ConvTranspose2d", "ReLU"] * 2
    assert network.tail.kernel_size == (1, 1)


def test_the_unet_normalises_as_keras_does_when_told() -> None:
    options = {"name": "unet", "norm_momentum": 0.01, "norm_epsilon": 1e-3}
    network = build(ARCHS, parse_part(ARCHS, options, where="r.yaml", key="arch"), scale=4, channels=3)
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and all((layer.momentum, layer.eps) == (0.01, 1e-3) for layer in norms)
    with pytest.raises(ConfigError, match=r"norm_momentum = 0.*: should be above 0"):
        parse_part(ARCHS, {"name": "unet", "norm_momentum": 0}, where="r.yaml", key="arch")


@pytest.mark.parametrize("name", ["deconv-cnn", "unet", "srcnn"])
def test_an_initialization_like_keras_is_glorots(name: str) -> None:
    network = network_of(name, 2)
    INITIALIZATIONS["keras"](network)
    convolutions = [
        layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    ]
    assert convolutions
    for layer in convolutions:
        taps = layer.kernel_size[0] * layer.kernel_size[1]
        bound = (6 / (taps * (layer.in_channels + layer.out_channels))) ** 0.5
        assert float(layer.weight.detach().abs().max()) <= bound
        if layer.weight.numel() > 500:
            assert float(layer.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.1)
        assert layer.bias is None or not layer.bias.detach().any()


def test_the_unet_sees_an_odd_picture_as_continued_by_its_edge() -> None:
    network = network_of("unet", 2)
    lr = torch.rand(1, 3, 7, 9)
    padded = torch.nn.functional.pad(lr, (0, -9 % network.multiple, 0, -7 % network.multiple), mode="replicate")
    with torch.inference_mode():
        assert torch.equal(network(lr), network(padded)[:, :, :14, :18])


def test_branches_that_are_summed_up_count_once() -> None:
    plain = PlainRes(PlainResConfig(width=8, blocks=2), scale=2, channels=3)
    branched = RepRes(RepResConfig(width=8, blocks=2), scale=2, channels=3)
    assert branched.parameter_count == plain.parameter_count == folded(branched).parameter_count


def test_repeated_blocks_look_farther_with_the_same_parameters() -> None:
    def plainres(repeats: int) -> Network:
        values = {"name": "plainres", "width": 8, "blocks": 2, "repeats": repeats}
        return build(ARCHS, parse_part(ARCHS, values, where="test", key="arch"), scale=2, channels=1)

    once, thrice = plainres(1), plainres(3)
    assert once.parameter_count == thrice.parameter_count
    assert (once.radius, thrice.radius) == (6, 14)
    probe_radius(thrice)


def test_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"r.yaml: arch.name = 'srcn' is unknown: did you mean srcnn\?"):
        parse_part(ARCHS, {"name": "srcn"}, where="r.yaml", key="arch")


def test_wrong_configuration_names_the_dotted_key() -> None:
    with pytest.raises(ConfigError, match=r"r.yaml: unknown key arch.depth = 3: .*Known: "):
        parse_part(ARCHS, {"name": "plainres", "depth": 3}, where="r.yaml", key="arch")
    with pytest.raises(ConfigError, match=r"r.yaml: arch.width = 'wide': should be a valid integer"):
        parse_part(ARCHS, {"name": "plainres", "width": "wide"}, where="r.yaml", key="arch")
