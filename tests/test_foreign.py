"""Other people's weights: each network against a second one, of plain operations on the published names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from upres import checkpoint, foreign
from upres.cli import command_line
from upres.convert import convert
from upres.errors import ModelError
from upres.export import TOLERANCE
from upres.image import Picture, read, write
from upres.models import read_facts
from upres.predictors import open_predictor

Tensors = dict[str, Tensor]
Net = Callable[[Tensor, Tensors], Tensor]
MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).reshape(1, 3, 1, 1)


class Weights(dict[str, Tensor]):
    """Random tensors under the names that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(0)

    def conv(self, name: str, before: int, after: int, kernel: int = 3, *, groups: int = 1, bias: bool = True) -> None:
        shape = (after, before // groups, kernel, kernel)
        self[f"{name}.weight"] = self._normal(shape) / (shape[1] * kernel**2) ** 0.5
        if bias:
            self[f"{name}.bias"] = self._normal((after,)) / 10

    def vector(self, name: str, *shape: int, around: float = 0.0) -> None:
        self[name] = around + self._normal(shape) / 5

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator)


def conv(x: Tensor, d: Tensors, name: str, **options: Any) -> Tensor:
    weight = d[f"{name}.weight"]
    options.setdefault("padding", weight.shape[-1] // 2)
    return F.conv2d(x, weight, d.get(f"{name}.bias"), groups=x.shape[1] // weight.shape[1], **options)


# RRDB, by the three sets of names

RRDB_NAMES = {
    "new": ("conv_first", "body.{}.rdb{}.conv{}", "conv_body", "conv_up{}", "conv_hr", "conv_last"),
    "esrgan": ("conv_first", "RRDB_trunk.{}.RDB{}.conv{}", "trunk_conv", "upconv{}", "HRconv", "conv_last"),
}


def rrdb_names(kind: str, steps: int) -> tuple[str, str, str, list[str], str, str]:
    if kind == "old":
        ups = [f"model.{3 * step + 3}" for step in range(steps)]
        end = 3 * steps + 2
        return "model.0", "model.1.sub.{}.RDB{}.conv{}.0", "model.1.sub.2", ups, f"model.{end}", f"model.{end + 2}"
    first, dense, body, up, hr, last = RRDB_NAMES[kind]
    return first, dense, body, [up.format(step + 1) for step in range(steps)], hr, last


def rrdb_weights(kind: str, steps: int, fold: int = 1) -> Tensors:
    d = Weights()
    first, dense, body, ups, hr, last = rrdb_names(kind, steps)
    d.conv(first, 3 * fold**2, 6)
    for block in range(2):
        for part in range(1, 4):
            for layer in range(5):
                d.conv(dense.format(block, part, layer + 1), 6 + 4 * layer, 4 if layer < 4 else 6)
    for name in (body, *ups, hr):
        d.conv(name, 6, 6)
    d.conv(last, 6, 3)
    return d


def rrdb(kind: str, steps: int, fold: int = 1) -> Net:
    def net(x: Tensor, d: Tensors) -> Tensor:
        first, dense, body, ups, hr, last = rrdb_names(kind, steps)
        head = y = conv(F.pixel_unshuffle(x, fold), d, first)
        for block in range(2):
            outer = y
            for part in range(1, 4):
                inner, seen = y, [y]
                for layer in range(5):
                    y = conv(torch.cat(seen, 1), d, dense.format(block, part, layer + 1))
                    seen.append(F.leaky_relu(y, 0.2))
                y = inner + 0.2 * y
            y = outer + 0.2 * y
        y = head + conv(y, d, body)
        for up in ups:
            y = F.leaky_relu(conv(y.repeat_interleave(2, 2).repeat_interleave(2, 3), d, up), 0.2)
        return conv(F.leaky_relu(conv(y, d, hr), 0.2), d, last)

    return net


# EDSR


def edsr_weights(scale: int, *, basicsr: bool = False, width: int = 6) -> Tensors:
    d = Weights()
    d.conv("conv_first" if basicsr else "head.0", 3, width)
    for block in range(2):
        for ours, theirs in ((1, 0), (2, 2)):
            d.conv(f"body.{block}.conv{ours}" if basicsr else f"body.{block}.body.{theirs}", width, width)
    d.conv("conv_after_body" if basicsr else "body.2", width, width)
    for step, factor in enumerate([3] if scale == 3 else [2] * (scale // 2)):
        d.conv(f"upsample.{2 * step}" if basicsr else f"tail.0.{2 * step}", width, width * factor**2)
    d.conv("conv_last" if basicsr else "tail.1", width, 3)
    if not basicsr:
        for name, sign in (("sub_mean", -1), ("add_mean", 1)):
            d[f"{name}.weight"] = torch.eye(3)[:, :, None, None]
            d[f"{name}.bias"] = sign * 255 * MEAN.flatten()
    return d


def edsr(scale: int, *, basicsr: bool = False, residual: float = 1.0) -> Net:
    def net(x: Tensor, d: Tensors) -> Tensor:
        first, body, last = (
            ("conv_first", "conv_after_body", "conv_last") if basicsr else ("head.0", "body.2", "tail.1")
        )
        parts = "body.{}.conv1", "body.{}.conv2"
        if not basicsr:
            parts = "body.{}.body.0", "body.{}.body.2"
        head = y = conv((x - MEAN) * 255, d, first)
        for block in range(2):
            y = y + residual * conv(F.relu(conv(y, d, parts[0].format(block))), d, parts[1].format(block))
        y = head + conv(y, d, body)
        for step, factor in enumerate([3] if scale == 3 else [2] * (scale // 2)):
            y = F.pixel_shuffle(conv(y, d, f"upsample.{2 * step}" if basicsr else f"tail.0.{2 * step}"), factor)
        return conv(y, d, last) / 255 + MEAN

    return net


# Compact


def compact_weights() -> Tensors:
    d = Weights()
    for layer, (before, after) in enumerate([(3, 5), (5, 5), (5, 5), (5, 12)]):
        d.conv(f"body.{2 * layer}", before, after)
        if layer < 3:
            d.vector(f"body.{2 * layer + 1}.weight", 5)
    return d


def compact(x: Tensor, d: Tensors) -> Tensor:
    y = x
    for layer in range(3):
        y = conv(y, d, f"body.{2 * layer}")
        y = torch.where(y > 0, y, y * d[f"body.{2 * layer + 1}.weight"][:, None, None])
    return F.pixel_shuffle(conv(y, d, "body.6"), 2) + F.interpolate(x, scale_factor=2.0, mode="nearest")


# SPAN, with branches and with stale folded convolutions beside them, or folded alone

SPAN_CONVS = [("conv_1", 3), ("conv_2", 4), *((f"block_{b}.c{c}_r", 4) for b in (1, 2) for c in (1, 2, 3))]


def span_weights(branches: bool) -> Tensors:
    d = Weights()
    for name, before in SPAN_CONVS:
        d.conv(f"{name}.eval_conv", before, 4)
        if branches:
            d.conv(f"{name}.sk", before, 4, 1)
            d.conv(f"{name}.conv.0", before, 6, 1)
            d.conv(f"{name}.conv.1", 6, 8)
            d.conv(f"{name}.conv.2", 8, 4, 1)
    for name in d:
        if name.startswith("conv_1.") and name.endswith("weight") and d[name].shape[1] == 3:
            d[name] /= 255  # it is given pixels of that range
    d.conv("conv_cat", 16, 4, 1)
    d.conv("upsampler.0", 4, 12)
    return d


def span(x: Tensor, d: Tensors) -> Tensor:
    def three(x: Tensor, name: str) -> Tensor:
        if f"{name}.sk.weight" not in d:
            return conv(x, d, f"{name}.eval_conv")
        y = conv(F.pad(x, (1, 1, 1, 1)), d, f"{name}.conv.0")
        return conv(conv(y, d, f"{name}.conv.1", padding=0), d, f"{name}.conv.2") + conv(x, d, f"{name}.sk")

    head = y = three((x - MEAN) * 255, "conv_1")
    results, firsts = [], []
    for block in ("block_1", "block_2"):
        first = F.silu(three(y, f"{block}.c1_r"))
        last = three(F.silu(three(first, f"{block}.c2_r")), f"{block}.c3_r")
        y = (last + y) * (torch.sigmoid(last) - 0.5)
        results.append(y)
        firsts.append(first)
    joined = torch.cat((head, three(y, "conv_2"), results[0], firsts[-1]), 1)
    return F.pixel_shuffle(conv(conv(joined, d, "conv_cat"), d, "upsampler.0"), 2)


# RLFN


def rlfn_weights() -> Tensors:
    d = Weights()
    d.conv("conv_1", 3, 6)
    for block in ("block_1", "block_2"):
        for layer in ("c1_r", "c2_r", "c3_r"):
            d.conv(f"{block}.{layer}", 6, 6)
        d.conv(f"{block}.c5", 6, 6, 1)
        for layer, before, after, kernel in (
            ("conv1", 6, 4, 1),
            ("conv_f", 4, 4, 1),
            ("conv2", 4, 4, 3),
            ("conv3", 4, 4, 3),
            ("conv4", 4, 6, 1),
        ):
            d.conv(f"{block}.esa.{layer}", before, after, kernel)
    d.conv("conv_2", 6, 6)
    d.conv("upsampler.0", 6, 12)
    return d


def rlfn(x: Tensor, d: Tensors) -> Tensor:
    head = y = conv(x * 255, d, "conv_1")
    for block in ("block_1", "block_2"):
        z = y
        for layer in ("c1_r", "c2_r", "c3_r"):
            z = F.leaky_relu(conv(z, d, f"{block}.{layer}"), 0.05)
        z = conv(z + y, d, f"{block}.c5")
        narrow = conv(z, d, f"{block}.esa.conv1")
        coarse = F.max_pool2d(conv(narrow, d, f"{block}.esa.conv2", stride=2, padding=0), 7, 3)
        fine = F.interpolate(conv(coarse, d, f"{block}.esa.conv3"), z.shape[2:], mode="bilinear")
        y = z * torch.sigmoid(conv(fine + conv(narrow, d, f"{block}.esa.conv_f"), d, f"{block}.esa.conv4"))
    return F.pixel_shuffle(conv(conv(y, d, "conv_2") + head, d, "upsampler.0"), 2) / 255


# PlainUSR


def plainusr_weights(maps: bool) -> Tensors:
    d = Weights()
    d.conv("head", 3, 9 if not maps else 11)
    blocks = {"block1": 6, "blockm": 4, "block2": 6}
    if maps:
        blocks = {"block1": 8, "block2": 6, "blockm": 4, "block3": 6, "block4": 8}
    for name, width in blocks.items():
        d.conv(f"{name}.body.0", width, width)
        d.conv(f"{name}.body.2", width, width)
        if maps:
            d.conv(f"{name}.body.3.body.0", width, 2, 1)
            d.conv(f"{name}.body.3.body.2", 2, 2)
            d.conv(f"{name}.body.3.body.3", 2, width)
        elif name == "blockm":
            d.conv(f"{name}.body.3.body.0", width, width)
    d.conv("tail.0", d["head.bias"].numel(), 12)
    return d


def plainusr(x: Tensor, d: Tensors) -> Tensor:
    def block(x: Tensor, name: str) -> Tensor:
        y = conv(F.leaky_relu(conv(x, d, f"{name}.body.0"), 0.05), d, f"{name}.body.2")
        if f"{name}.body.3.body.0.weight" not in d:
            return y
        weight = conv(y, d, f"{name}.body.3.body.0")
        if f"{name}.body.3.body.2.weight" in d:
            windows = weight.unfold(2, 7, 3).unfold(3, 7, 3).flatten(4)
            soft = (windows.softmax(4) * windows).sum(4)
            weight = conv(conv(soft, d, f"{name}.body.3.body.2", stride=2), d, f"{name}.body.3.body.3")
        weight = F.interpolate(weight.sigmoid(), y.shape[2:], mode="bilinear")
        return y * weight * y[:, :1].sigmoid()

    def inside(x: Tensor, names: list[str]) -> Tensor:
        y = block(x, names[0])
        if len(names) == 1:
            return y
        width = d[f"{names[1]}.body.0.weight"].shape[0]
        return block(torch.cat((inside(y[:, :width], names[1:-1]), y[:, width:]), 1), names[-1])

    deep = "block3.body.0.weight" in d
    names = ["block1", "block2", "blockm", "block3", "block4"] if deep else ["block1", "blockm", "block2"]
    head = conv(x, d, "head")
    return F.pixel_shuffle(conv(torch.cat((inside(head[:, :-3], names), head[:, -3:]), 1), d, "tail.0"), 2)


# SAFMN, on sizes that 8 divides, and SMFANet


def safmn_weights() -> Tensors:
    d = Weights()
    d.conv("to_feat", 3, 8)
    for block in ("feats.0", "feats.1"):
        for norm in ("norm1", "norm2"):
            d.vector(f"{block}.{norm}.weight", 8, around=1.0)
            d.vector(f"{block}.{norm}.bias", 8)
        for level in range(4):
            d.conv(f"{block}.safm.mfr.{level}", 2, 2, groups=2)
        d.conv(f"{block}.safm.aggr", 8, 8, 1)
        d.conv(f"{block}.ccm.ccm.0", 8, 12)
        d.conv(f"{block}.ccm.ccm.2", 12, 8, 1)
    d.conv("to_img.0", 8, 12)
    return d


def safmn(x: Tensor, d: Tensors) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)
        return F.layer_norm(pixels, (8,), d[f"{name}.weight"], d[f"{name}.bias"], 1e-6).permute(0, 3, 1, 2)

    head = y = conv(x, d, "to_feat")
    for block in ("feats.0", "feats.1"):
        z = norm(y, f"{block}.norm1")
        parts = []
        for level in range(4):
            size = x.shape[2] >> level, x.shape[3] >> level
            small = conv(F.adaptive_max_pool2d(z[:, 2 * level : 2 * level + 2], size), d, f"{block}.safm.mfr.{level}")
            parts.append(F.interpolate(small, x.shape[2:], mode="nearest"))
        y = F.gelu(conv(torch.cat(parts, 1), d, f"{block}.safm.aggr")) * z + y
        z = conv(norm(y, f"{block}.norm2"), d, f"{block}.ccm.ccm.0")
        y = conv(F.gelu(z), d, f"{block}.ccm.ccm.2") + y
    return F.pixel_shuffle(conv(y + head, d, "to_img.0"), 2)


def smfanet_weights() -> Tensors:
    d = Weights()
    d.conv("to_feat", 3, 6)
    for block in ("feats.0", "feats.1"):
        d.vector(f"{block}.smfa.alpha", 1, 6, 1, 1, around=1.0)
        d.vector(f"{block}.smfa.belt", 1, 6, 1, 1)
        for name, before, after, kernel, groups in (
            ("smfa.linear_0", 6, 12, 1, 1),
            ("smfa.linear_1", 6, 6, 1, 1),
            ("smfa.linear_2", 6, 6, 1, 1),
            ("smfa.lde.conv_0.0", 6, 12, 3, 6),
            ("smfa.lde.conv_0.1", 12, 12, 1, 1),
            ("smfa.lde.conv_1", 12, 6, 1, 1),
            ("smfa.dw_conv", 6, 6, 3, 6),
            ("pcfn.conv_0", 6, 12, 1, 1),
            ("pcfn.conv_1", 3, 3, 3, 1),
            ("pcfn.conv_2", 12, 6, 1, 1),
        ):
            d.conv(f"{block}.{name}", before, after, kernel, groups=groups)
    d.conv("to_img.0", 6, 12)
    return d


def smfanet(x: Tensor, d: Tensors) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return x / x.square().sum(1, keepdim=True).sqrt().clamp(min=1e-12)

    head = y = conv(x, d, "to_feat")
    for block in ("feats.0", "feats.1"):
        near, far = conv(unit(y), d, f"{block}.smfa.linear_0").chunk(2, 1)
        small = conv(F.adaptive_max_pool2d(far, (x.shape[2] // 8, x.shape[3] // 8)), d, f"{block}.smfa.dw_conv")
        small = small * d[f"{block}.smfa.alpha"] + far.flatten(2).var(2)[..., None, None] * d[f"{block}.smfa.belt"]
        weight = F.interpolate(F.gelu(conv(small, d, f"{block}.smfa.linear_1")), x.shape[2:], mode="nearest")
        local = F.gelu(conv(conv(near, d, f"{block}.smfa.lde.conv_0.0"), d, f"{block}.smfa.lde.conv_0.1"))
        y = conv(far * weight + conv(local, d, f"{block}.smfa.lde.conv_1"), d, f"{block}.smfa.linear_2") + y
        hidden = F.gelu(conv(unit(y), d, f"{block}.pcfn.conv_0"))
        hidden = torch.cat((F.gelu(conv(hidden[:, :3], d, f"{block}.pcfn.conv_1")), hidden[:, 3:]), 1)
        y = conv(hidden, d, f"{block}.pcfn.conv_2") + y
    return F.pixel_shuffle(conv(y + head, d, "to_img.0"), 2)


# name → weights, the second implementation, scale, architecture
CASES: dict[str, tuple[Tensors, Net, int, str]] = {
    **{
        f"rrdb {kind} x{2**steps}": (rrdb_weights(kind, steps), rrdb(kind, steps), 2**steps, "rrdb")
        for kind, steps in (("new", 2), ("esrgan", 2), ("old", 0), ("old", 1), ("old", 2), ("old", 3), ("new", 3))
    },
    "rrdb new x2, folded": (rrdb_weights("new", 2, 2), rrdb("new", 2, 2), 2, "rrdb"),
    "rrdb new x1, folded": (rrdb_weights("new", 2, 4), rrdb("new", 2, 4), 1, "rrdb"),
    **{f"edsr x{scale}": (edsr_weights(scale), edsr(scale), scale, "edsr") for scale in (2, 3, 4)},
    "edsr basicsr x4": (edsr_weights(4, basicsr=True), edsr(4, basicsr=True), 4, "edsr"),
    "edsr large x2": (edsr_weights(2, width=256), edsr(2, residual=0.1), 2, "edsr"),
    "compact": (compact_weights(), compact, 2, "compact"),
    "span": (span_weights(False), span, 2, "span"),
    "span branches": (span_weights(True), span, 2, "span"),
    "rlfn": (rlfn_weights(), rlfn, 2, "rlfn"),
    "plainusr": (plainusr_weights(True), plainusr, 2, "plainusr"),
    "plainusr small": (plainusr_weights(False), plainusr, 2, "plainusr"),
    "safmn": (safmn_weights(), safmn, 2, "safmn"),
    "smfanet": (smfanet_weights(), smfanet, 2, "smfanet"),
}


def saved(path: Path, content: Any) -> Path:
    torch.save(dict(content) if isinstance(content, Weights) else content, path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_a_published_file_gives_what_its_authors_network_gives(case: str, tmp_path: Path) -> None:
    weights, net, scale, arch = CASES[case]
    predictor = open_predictor(saved(tmp_path / "net.pth", {"params_ema": dict(weights), "params": {}}))
    assert (predictor.facts.scale, predictor.facts.arch["name"], predictor.facts.name) == (scale, arch, "net")
    sides = (27, 37) if predictor.facts.multiple == 1 else (24, 32)
    lr = torch.rand(1, 3, *sides, generator=torch.Generator().manual_seed(1))
    expected = net(lr, weights).numpy()
    # Float32 adds in another order; values of the 0 to 255 networks are divided only at the end.
    assert np.abs(predictor.predict(lr.numpy()) - expected).max() <= 2e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".safetensors"])
@pytest.mark.parametrize("wrapping", ["", "params", "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.generator."])
def test_wrappings_and_prefixes(suffix: str, wrapping: str, prefix: str, tmp_path: Path) -> None:
    tensors = {prefix + name: tensor.contiguous() for name, tensor in compact_weights().items()}
    path = tmp_path / f"net{suffix}"
    if suffix == ".safetensors":
        save_file(tensors, path)
    else:
        saved(path, {wrapping: tensors, "epoch": 3} if wrapping else tensors)
    _, facts = foreign.load(path)
    assert facts.arch == {"name": "compact", "width": 5, "convs": 2}
    assert (facts.radius, facts.multiple, facts.colour) == (4, 1, "rgb")


def test_old_names_under_the_prefix_model_are_not_cut(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.pth", {f"module.{name}": tensor for name, tensor in rrdb_weights("old", 2).items()})
    assert foreign.load(path)[1].arch["name"] == "rrdb"


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    weights = compact_weights()
    network, _ = foreign.load(saved(tmp_path / "net.pth", {name: tensor.half() for name, tensor in weights.items()}))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


class Harmful:
    """What it would do when it is unpickled is not done."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_file_that_could_run_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "net.pth", {"params": dict(compact_weights()), "more": Harmful()})
    with pytest.raises(ModelError, match=r"net\.pth: refused: besides tensors it holds \w+\.mkdir, and opening such a"):
        open_predictor(path)
    assert not Path("harmed").exists()


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_predictor(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def test_files_that_are_no_models(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pth", compact_weights()).read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        (tmp_path / "net.pth").write_bytes(content)
        assert "not a file of tensors that PyTorch saved" in refusal(tmp_path / "net.pth")
    assert "holds no tensors by name" in refusal(saved(tmp_path / "net.pth", {"epoch": 3}))
    (tmp_path / "net.safetensors").write_bytes(b"not a model")
    assert "not a readable safetensors file" in refusal(tmp_path / "net.safetensors")
    other = saved(tmp_path / "net.pth", {"fc.weight": torch.zeros(10, 4)})
    assert "its 1 tensors (fc.weight 10×4, …) are of none of compact, edsr, " in refusal(other)


def test_variants_that_upres_does_not_have(tmp_path: Path) -> None:
    weights = dict(compact_weights())
    without = {name: tensor for name, tensor in weights.items() if name != "body.4.bias"}
    text = refusal(saved(tmp_path / "net.pth", without))
    assert "looks like compact, but its tensors do not fit" in text and "body.4.bias" in text
    text = refusal(saved(tmp_path / "net.pth", {**weights, "extra.weight": torch.zeros(1)}))
    assert "looks like compact, but tensor extra.weight has no place in it" in text
    weights["body.6.weight"] = torch.zeros(13, 5, 3, 3)
    assert "gives 13 channels, which is 3 times no square" in refusal(saved(tmp_path / "net.pth", weights))
    d = Weights()
    d.conv("body.0", 4, 5)
    d.vector("body.1.weight", 5)
    d.conv("body.2", 5, 16)
    assert "takes 4 channels; upres enlarges pictures of 1 or 3" in refusal(saved(tmp_path / "net.pth", d))


@pytest.mark.parametrize("case", ["rrdb new x2, folded", "edsr x2", "rlfn", "plainusr", "smfanet", "safmn", "span"])
def test_converted_files_give_the_same_pixels(case: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "net.pth", CASES[case][0])
    written = convert(model, tmp_path / "out.onnx", licence="MIT")
    assert written.worst is not None and written.worst <= TOLERANCE
    convert(model, tmp_path / "out.safetensors", licence="MIT")
    _, facts = checkpoint.load(tmp_path / "out.safetensors")
    assert facts == read_facts(tmp_path / "out.onnx") == written.facts
    assert (facts.name, facts.licence) == ("net", "MIT")
    lr = np.random.default_rng(0).random((1, 3, 24, 40), dtype=np.float32)
    ours = open_predictor(tmp_path / "out.safetensors").predict(lr)
    assert np.array_equal(ours, open_predictor(model).predict(lr))
    assert np.abs(ours - open_predictor(tmp_path / "out.onnx").predict(lr)).max() <= TOLERANCE


def test_convert_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    model = saved(tmp_path / "net.pth", compact_weights())
    with pytest.raises(ModelError, match=r"out\.pth: should end in \.safetensors or \.onnx"):
        convert(model, tmp_path / "out.pth")
    save_file({name: tensor.contiguous() for name, tensor in compact_weights().items()}, tmp_path / "net.safetensors")
    with pytest.raises(ModelError, match=r"net\.safetensors: is the model itself; give another --output"):
        convert(tmp_path / "net.safetensors", tmp_path / "net.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.safetensors"]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "net.pth", compact_weights())
    done = CliRunner().invoke(command_line(), ["convert", "net.pth", "--licence", "BSD-3-Clause", "--name", "theirs"])
    assert done.exit_code == 0
    assert done.output.startswith(
        "net.onnx: theirs, ×2, compact width=5 convs=2, 1,167 parameters, sees 4 pixels around, licence BSD-3-Clause, "
    )
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write(Picture(picture), "photo.png")
    for model, output in (("net.pth", "a.png"), ("net.onnx", "b.png")):
        done = CliRunner().invoke(command_line(), ["upscale", "photo.png", "--model", model, "-o", output])
        assert done.exit_code == 0, done.output
    first, second = (read(Path(name)).pixels.astype(int) for name in ("a.png", "b.png"))
    assert first.shape == (40, 60, 3) and np.abs(first - second).max() <= 1


def test_a_network_of_scale_1_cleans_and_does_not_enlarge(tmp_path: Path) -> None:
    from upres import load

    model = saved(tmp_path / "clean.pth", rrdb_weights("old", 0))
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert load(model)(picture).shape == (9, 7, 3)
    with pytest.raises(ModelError, match=r"clean\.pth: gives pictures of the size it takes \(×1\), and ×2 was asked"):
        load(model, scale=2)
