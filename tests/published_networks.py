"""Networks that other people published, as plain operations on their tensors, and random weights under their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

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


# SwinIR and HAT, on sizes that their windows of 4 divide, and RealPLKSR


def linear(x: Tensor, d: Tensors, name: str) -> Tensor:
    return F.linear(x, d[f"{name}.weight"], d[f"{name}.bias"])


def layer_norm(x: Tensor, d: Tensors, name: str) -> Tensor:
    return F.layer_norm(x, (8,), d[f"{name}.weight"], d[f"{name}.bias"])


def mlp(x: Tensor, d: Tensors, name: str) -> Tensor:
    hidden = linear(layer_norm(x, d, f"{name}.norm2"), d, f"{name}.mlp.fc1")
    return x + linear(F.gelu(hidden), d, f"{name}.mlp.fc2")


def attention(x: Tensor, d: Tensors, name: str, shift: int) -> Tensor:
    """Pixels `h w c`: each group of them that share a window, one after the other."""
    height, width, _ = x.shape
    result = torch.zeros_like(x)
    for top in range(shift - 4 if shift else 0, height, 4):
        for left in range(shift - 4 if shift else 0, width, 4):
            rows = [row for row in range(top, top + 4) if 0 <= row < height]
            columns = [column for column in range(left, left + 4) if 0 <= column < width]
            places = [(row, column) for row in rows for column in columns]
            q, k, v = linear(torch.stack([x[place] for place in places]), d, f"{name}.qkv").chunk(3, 1)
            offsets = [[(a[0] - b[0] + 3) * 7 + a[1] - b[1] + 3 for b in places] for a in places]
            bias = d[f"{name}.relative_position_bias_table"][torch.tensor(offsets)]
            heads = [
                F.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2 + bias[..., at // 4], 1) @ v[:, at : at + 4]
                for at in (0, 4)
            ]
            for place, pixel in zip(places, linear(torch.cat(heads, 1), d, f"{name}.proj"), strict=True):
                result[place] = pixel
    return result


def transformer_weights(*, overlapping: bool, stepped: bool) -> Tensors:
    d = Weights()
    group = "layers.0.residual_group"
    d.conv("conv_first", 3, 8)
    norms = ["patch_embed.norm", "norm"]
    for layer in (f"{group}.blocks.0", f"{group}.blocks.1", *([f"{group}.overlap_attn"] if overlapping else [])):
        norms += [f"{layer}.norm1", f"{layer}.norm2"]
        own = layer if layer.endswith("overlap_attn") else f"{layer}.attn"
        for name, before, after in (
            (f"{own}.qkv", 8, 24),
            (f"{own}.proj", 8, 8),
            (f"{layer}.mlp.fc1", 8, 12),
            (f"{layer}.mlp.fc2", 12, 8),
        ):
            d.vector(f"{name}.weight", after, before)
            d.vector(f"{name}.bias", after)
        d.vector(f"{own}.relative_position_bias_table", 81 if layer.endswith("overlap_attn") else 49, 2)
        if overlapping and own != layer:
            d.conv(f"{layer}.conv_block.cab.0", 8, 4)
            d.conv(f"{layer}.conv_block.cab.2", 4, 8)
            d.conv(f"{layer}.conv_block.cab.3.attention.1", 8, 4, 1)
            d.conv(f"{layer}.conv_block.cab.3.attention.3", 4, 8, 1)
        elif not overlapping:
            d[f"{own}.relative_position_index"] = torch.zeros(16, 16, dtype=torch.long)
    if overlapping:
        d["relative_position_index_OCA"] = torch.zeros(16, 36, dtype=torch.long)
    else:
        d[f"{group}.blocks.1.attn_mask"] = torch.zeros(4, 16, 16)
    for norm in norms:
        d.vector(f"{norm}.weight", 8, around=1.0)
        d.vector(f"{norm}.bias", 8)
    d.conv("layers.0.conv", 8, 8)
    d.conv("conv_after_body", 8, 8)
    if stepped:
        d.conv("conv_before_upsample.0", 8, 64)
        d.conv("upsample.0", 64, 256)
        d.conv("conv_last", 64, 3)
    else:
        d.conv("upsample.0", 8, 12)
    return d


def transformer(group: Net, *, stepped: bool) -> Net:
    def net(x: Tensor, d: Tensors) -> Tensor:
        head = conv(x - MEAN, d, "conv_first")
        y = layer_norm(head[0].permute(1, 2, 0), d, "patch_embed.norm")
        y = conv(group(y, d).permute(2, 0, 1)[None], d, "layers.0.conv")[0].permute(1, 2, 0) + y
        y = conv(layer_norm(y, d, "norm").permute(2, 0, 1)[None], d, "conv_after_body") + head
        if not stepped:
            return F.pixel_shuffle(conv(y, d, "upsample.0"), 2) + MEAN
        y = F.pixel_shuffle(conv(F.leaky_relu(conv(y, d, "conv_before_upsample.0"), 0.01), d, "upsample.0"), 2)
        return conv(y, d, "conv_last") + MEAN

    return net


def swinir_group(y: Tensor, d: Tensors) -> Tensor:
    for number, shift in ((0, 0), (1, 2)):
        name = f"layers.0.residual_group.blocks.{number}"
        y = mlp(y + attention(layer_norm(y, d, f"{name}.norm1"), d, f"{name}.attn", shift), d, name)
    return y


def hat_group(y: Tensor, d: Tensors) -> Tensor:
    for number, shift in ((0, 0), (1, 2)):
        name = f"layers.0.residual_group.blocks.{number}"
        z = layer_norm(y, d, f"{name}.norm1")
        c = conv(F.gelu(conv(z.permute(2, 0, 1)[None], d, f"{name}.conv_block.cab.0")), d, f"{name}.conv_block.cab.2")
        gate = F.relu(conv(c.mean((2, 3), keepdim=True), d, f"{name}.conv_block.cab.3.attention.1"))
        c = c * conv(gate, d, f"{name}.conv_block.cab.3.attention.3").sigmoid()
        y = mlp(y + attention(z, d, f"{name}.attn", shift) + 0.01 * c[0].permute(1, 2, 0), d, name)
    name = "layers.0.residual_group.overlap_attn"
    asked = linear(layer_norm(y, d, f"{name}.norm1"), d, f"{name}.qkv")
    padded = F.pad(asked, (0, 0, 1, 1, 1, 1))  # windows of 4 look at 6, and at zeros beyond the picture
    table, result = d[f"{name}.relative_position_bias_table"], torch.zeros_like(y)
    for top in range(0, y.shape[0], 4):
        for left in range(0, y.shape[1], 4):
            q = asked[top : top + 4, left : left + 4, :8].reshape(16, 8)
            k, v = padded[top : top + 6, left : left + 6, 8:].reshape(36, 16).chunk(2, 1)
            # From the pixel that asks to the one it looks at, less a constant: some count from the table's end.
            bias = torch.stack(
                [
                    torch.stack([table[(u - row - 1) * 9 + v_ - column - 1] for u in range(6) for v_ in range(6)])
                    for row in range(4)
                    for column in range(4)
                ]
            )
            heads = [
                F.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2 + bias[..., at // 4], 1) @ v[:, at : at + 4]
                for at in (0, 4)
            ]
            result[top : top + 4, left : left + 4] = torch.cat(heads, 1).reshape(4, 4, 8)
    return mlp(y + linear(result, d, f"{name}.proj"), d, name)


def realplksr_weights() -> Tensors:
    d = Weights()
    d.conv("feats.0", 3, 8)
    for block in ("feats.1", "feats.2"):
        d.conv(f"{block}.channel_mixer.0", 8, 16)
        d.conv(f"{block}.channel_mixer.2", 16, 8)
        d.conv(f"{block}.lk.conv", 2, 2, 5)
        d.conv(f"{block}.attn.f.0", 8, 8)
        d.conv(f"{block}.refine", 8, 8, 1)
        d.vector(f"{block}.norm.weight", 8, around=1.0)
        d.vector(f"{block}.norm.bias", 8)
    d.conv("feats.4", 8, 12)  # feats.3 drops some, and has no tensors
    return d


def realplksr(x: Tensor, d: Tensors) -> Tensor:
    y = conv(x, d, "feats.0")
    for block in ("feats.1", "feats.2"):
        z = conv(y, d, f"{block}.channel_mixer.0")
        z = conv(z * torch.tanh(F.softplus(z)), d, f"{block}.channel_mixer.2")
        z = torch.cat((conv(z[:, :2], d, f"{block}.lk.conv"), z[:, 2:]), 1)
        z = conv(z * conv(z, d, f"{block}.attn.f.0").sigmoid(), d, f"{block}.refine")
        y = y + F.group_norm(z, 4, d[f"{block}.norm.weight"], d[f"{block}.norm.bias"])
    return F.pixel_shuffle(conv(y, d, "feats.4") + x.repeat_interleave(4, 1), 2)


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
    "swinir light": (
        transformer_weights(overlapping=False, stepped=False),
        transformer(swinir_group, stepped=False),
        2,
        "swinir",
    ),
    "swinir classical": (
        transformer_weights(overlapping=False, stepped=True),
        transformer(swinir_group, stepped=True),
        2,
        "swinir",
    ),
    "hat": (transformer_weights(overlapping=True, stepped=True), transformer(hat_group, stepped=True), 2, "hat"),
    "realplksr": (realplksr_weights(), realplksr, 2, "realplksr"),
}
