"""More networks that other people published, as plain operations on their tensors: those of attention with many parts.

Pictures are `h w c` within them; sides are multiples of their windows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.published_networks import MEAN, Net, Tensors, Weights, conv, linear

Places = list[tuple[int, int]]


def image(x: Tensor) -> Tensor:
    """`h w c` → `1 c h w`."""
    return x.permute(2, 0, 1)[None]


def pixels(x: Tensor) -> Tensor:
    """`1 c h w` → `h w c`."""
    return x[0].permute(1, 2, 0)


def normed(x: Tensor, d: Tensors, name: str, eps: float = 1e-5) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],), d[f"{name}.weight"], d[f"{name}.bias"], eps)


def norm_weights(d: Weights, name: str, width: int) -> None:
    d.vector(f"{name}.weight", width, around=1.0)
    d.vector(f"{name}.bias", width)


def linear_weights(d: Weights, name: str, before: int, after: int, *, bias: bool = True) -> None:
    d.vector(f"{name}.weight", after, before)
    if bias:
        d.vector(f"{name}.bias", after)


# DAT, with windows of 2 × 4 and 4 × 2


DAT_WIDTH = 96  # the network of offsets has 3 channels then: one would be normalised to nothing
HEAD = DAT_WIDTH // 2


def batch_normed(x: Tensor, d: Tensors, name: str) -> Tensor:
    apart = (x - d[f"{name}.running_mean"]) / (d[f"{name}.running_var"] + 1e-5).sqrt()
    return apart * d[f"{name}.weight"] + d[f"{name}.bias"]


def batch_norm_weights(d: Weights, name: str, width: int) -> None:
    norm_weights(d, name, width)
    d.vector(f"{name}.running_mean", width)
    d.vector(f"{name}.running_var", width)
    d[f"{name}.running_var"] = 0.5 + d[f"{name}.running_var"].abs()
    d[f"{name}.num_batches_tracked"] = torch.tensor(7)


def dat_layers(depths: tuple[int, ...]) -> list[tuple[str, bool, bool]]:
    """Name, whether it looks within windows, and whether they are moved, of each layer."""
    found = []
    for group, depth in enumerate(depths):
        for number in range(depth):
            moved = number in ((2, 6) if group % 2 == 0 else (0, 4))
            found.append((f"layers.{group}.blocks.{number}", number % 2 == 0, moved))
    return found


def dat_gate_weights(d: Weights, name: str, gate: str, inside: int, after: int, numbers: tuple[int, int, int]) -> None:
    first, norm, last = (f"{name}.{gate}.{number}" for number in numbers)
    d.conv(first, DAT_WIDTH, inside, 1)
    batch_norm_weights(d, norm, inside)
    d.conv(last, inside, after, 1)


def dat_window_weights(d: Weights, name: str, moved: bool) -> None:
    for half, (height, width) in enumerate(((2, 4), (4, 2))):
        own = f"{name}.attns.{half}"
        offsets = [[row, column] for row in range(1 - height, height) for column in range(1 - width, width)]
        d[f"{own}.rpe_biases"] = torch.tensor(offsets, dtype=torch.float32)
        d[f"{own}.relative_position_index"] = torch.zeros(8, 8, dtype=torch.long)
        linear_weights(d, f"{own}.pos.pos_proj", 2, 3)
        for number, after in ((1, 3), (2, 3), (3, 1)):
            norm_weights(d, f"{own}.pos.pos{number}.0", 3)
            linear_weights(d, f"{own}.pos.pos{number}.2", 3, after)
        if moved:
            d[f"{name}.attn_mask_{half}"] = torch.zeros(4, 8, 8)


def dat_convs_weights(d: Weights, name: str, *, light: bool) -> None:
    if light:
        d.conv(f"{name}.0", DAT_WIDTH, DAT_WIDTH // 4)
        d.conv(f"{name}.2", DAT_WIDTH // 4, DAT_WIDTH // 4, 1)
        d.conv(f"{name}.4", DAT_WIDTH // 4, DAT_WIDTH)
    else:
        d.conv(name, DAT_WIDTH, DAT_WIDTH)


def dat_weights(depths: tuple[int, ...], *, light: bool) -> Tensors:
    d, width = Weights(), DAT_WIDTH
    d.conv("conv_first", 3, width)
    for name in ("before_RG.1", "norm"):
        norm_weights(d, name, width)
    for layer, within, moved in dat_layers(depths):
        for norm in ("norm1", "norm2"):
            norm_weights(d, f"{layer}.{norm}", width)
        own = f"{layer}.attn"
        linear_weights(d, f"{own}.qkv", width, 3 * width)
        linear_weights(d, f"{own}.proj", width, width)
        d.conv(f"{own}.dwconv.0", width, width, groups=width)
        batch_norm_weights(d, f"{own}.dwconv.1", width)
        dat_gate_weights(d, own, "channel_interaction", width // 8, width, (1, 2, 4))
        dat_gate_weights(d, own, "spatial_interaction", width // 16, 1, (0, 1, 3))
        if within:
            dat_window_weights(d, own, moved)
        else:
            d.vector(f"{own}.temperature", 2, 1, 1, around=1.0)
        linear_weights(d, f"{layer}.ffn.fc1", width, 24)
        norm_weights(d, f"{layer}.ffn.sg.norm", 12)
        d.conv(f"{layer}.ffn.sg.conv", 12, 12, groups=12)
        linear_weights(d, f"{layer}.ffn.fc2", 12, width)
    for name in (*(f"layers.{group}.conv" for group in range(len(depths))), "conv_after_body"):
        dat_convs_weights(d, name, light=light)
    if light:
        d.conv("upsample.0", width, 27)
    else:
        d.conv("conv_before_upsample.0", width, 64)
        d.conv("upsample.0", 64, 256)
        d.conv("conv_last", 64, 3)
    return d


def dat_window(asked: list[Tensor], d: Tensors, name: str, sides: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """One head of `h w c` looks about in windows of which `shift` pixels of the first ones lie beyond the picture."""
    height, width, _ = asked[0].shape
    result = torch.zeros_like(asked[0])

    def bias(row: int, column: int) -> Tensor:
        x = linear(torch.tensor([[float(row), float(column)]]), d, f"{name}.pos.pos_proj")
        for number in (1, 2, 3):
            x = linear(F.relu(normed(x, d, f"{name}.pos.pos{number}.0")), d, f"{name}.pos.pos{number}.2")
        return x[0, 0]

    table = {
        (row, column): bias(row, column)
        for row in range(1 - sides[0], sides[0])
        for column in range(1 - sides[1], sides[1])
    }
    for top in range(shift[0] - sides[0] if shift[0] else 0, height, sides[0]):
        for left in range(shift[1] - sides[1] if shift[1] else 0, width, sides[1]):
            rows = [row for row in range(top, top + sides[0]) if 0 <= row < height]
            columns = [column for column in range(left, left + sides[1]) if 0 <= column < width]
            places: Places = [(row, column) for row in rows for column in columns]
            q, k, v = (torch.stack([part[place] for place in places]) for part in asked)
            biases = torch.stack([torch.stack([table[a[0] - b[0], a[1] - b[1]] for b in places]) for a in places])
            for place, pixel in zip(places, F.softmax(q @ k.T / HEAD**0.5 + biases, 1) @ v, strict=True):
                result[place] = pixel
    return result


def dat_attention(x: Tensor, d: Tensors, name: str, *, within: bool, moved: bool) -> Tensor:
    q, k, v = linear(x, d, f"{name}.qkv").chunk(3, 2)
    local = F.gelu(batch_normed(pixels(conv(image(v), d, f"{name}.dwconv.0")), d, f"{name}.dwconv.1"))

    def of_channels(y: Tensor) -> Tensor:
        inside = pixels(conv(image(y.mean((0, 1), keepdim=True)), d, f"{name}.channel_interaction.1"))
        inside = F.gelu(batch_normed(inside, d, f"{name}.channel_interaction.2"))
        return pixels(conv(image(inside), d, f"{name}.channel_interaction.4")).sigmoid()

    def of_places(y: Tensor) -> Tensor:
        inside = batch_normed(
            pixels(conv(image(y), d, f"{name}.spatial_interaction.0")), d, f"{name}.spatial_interaction.1"
        )
        return pixels(conv(image(F.gelu(inside)), d, f"{name}.spatial_interaction.3")).sigmoid()

    if within:
        seen = torch.cat(
            [
                dat_window(
                    [part[..., HEAD * half : HEAD * half + HEAD] for part in (q, k, v)],
                    d,
                    f"{name}.attns.{half}",
                    sides,
                    (sides[0] // 2, sides[1] // 2) if moved else (0, 0),
                )
                for half, sides in enumerate(((2, 4), (4, 2)))
            ],
            2,
        )
        return linear(seen * of_channels(local) + local * of_places(seen), d, f"{name}.proj")
    heads = []
    for head in (0, 1):
        a, b, c = (part[..., HEAD * head : HEAD * head + HEAD].flatten(0, 1).T for part in (q, k, v))
        a, b = (part / part.norm(dim=1, keepdim=True) for part in (a, b))
        heads.append(F.softmax(a @ b.T * d[f"{name}.temperature"][head, 0, 0], 1) @ c)
    seen = torch.cat(heads).T.reshape(x.shape)
    return linear(seen * of_places(local) + local * of_channels(seen), d, f"{name}.proj")


def dat(depths: tuple[int, ...], *, light: bool) -> Net:
    def end(y: Tensor, d: Tensors, name: str) -> Tensor:
        if not light:
            return pixels(conv(image(y), d, name))
        inside = F.leaky_relu(conv(image(y), d, f"{name}.0"), 0.2)
        return pixels(conv(F.leaky_relu(conv(inside, d, f"{name}.2"), 0.2), d, f"{name}.4"))

    def net(x: Tensor, d: Tensors) -> Tensor:
        head = pixels(conv(x - MEAN, d, "conv_first"))
        y = normed(head, d, "before_RG.1")
        for group in range(len(depths)):
            before = y
            for layer, within, moved in dat_layers(depths):
                if not layer.startswith(f"layers.{group}."):
                    continue
                z = normed(y, d, f"{layer}.norm1")
                y = y + dat_attention(z, d, f"{layer}.attn", within=within, moved=moved)
                kept, weights = F.gelu(linear(normed(y, d, f"{layer}.norm2"), d, f"{layer}.ffn.fc1")).chunk(2, 2)
                around = conv(image(normed(weights, d, f"{layer}.ffn.sg.norm")), d, f"{layer}.ffn.sg.conv")
                y = y + linear(kept * pixels(around), d, f"{layer}.ffn.fc2")
            y = before + end(y, d, f"layers.{group}.conv")
        y = image(end(normed(y, d, "norm"), d, "conv_after_body") + head)
        if light:
            return F.pixel_shuffle(conv(y, d, "upsample.0"), 3) + MEAN
        y = F.pixel_shuffle(conv(F.leaky_relu(conv(y, d, "conv_before_upsample.0"), 0.01), d, "upsample.0"), 2)
        return conv(y, d, "conv_last") + MEAN

    return net


# OmniSR, with windows of 4


def omnisr_weights(*, counts: bool) -> Tensors:
    d, width = Weights(), 16
    d.conv("input", 3, width)
    group = "residual_layer.0"
    block = f"{group}.residual_layer.0.layer"
    for number in (0, 5):
        d.conv(f"{block}.0.fn.{number}", width, width, 1)
    d.conv(f"{block}.0.fn.2", width, width, groups=width)
    linear_weights(d, f"{block}.0.fn.4.gate.1", width, 4, bias=False)
    linear_weights(d, f"{block}.0.fn.4.gate.3", 4, width, bias=False)
    for number in (2, 8):
        norm_weights(d, f"{block}.{number}.norm", width)
        linear_weights(d, f"{block}.{number}.fn.to_qkv", width, 3 * width, bias=False)
        linear_weights(d, f"{block}.{number}.fn.to_out.0", width, width, bias=False)
        d.vector(f"{block}.{number}.fn.rel_pos_bias.weight", 49, 4)
    for number in (5, 11):
        norm_weights(d, f"{block}.{number}.norm", width)
        d.vector(f"{block}.{number}.fn.temperature", 4, 1, 1, around=1.0)
        d.conv(f"{block}.{number}.fn.qkv", width, 3 * width, 1, bias=False)
        d.conv(f"{block}.{number}.fn.qkv_dwconv", 3 * width, 3 * width, groups=3 * width, bias=False)
        d.conv(f"{block}.{number}.fn.project_out", width, width, 1, bias=False)
    for number in (4, 6, 10, 12):
        norm_weights(d, f"{block}.{number}.norm", width)
        d.conv(f"{block}.{number}.fn.project_in", width, 2 * width, 1, bias=False)
        d.conv(f"{block}.{number}.fn.dwconv", 2 * width, 2 * width, groups=2 * width, bias=False)
        d.conv(f"{block}.{number}.fn.project_out", width, width, 1, bias=False)
    d.conv(f"{group}.residual_layer.1", width, width, 1)
    for name, before, after, kernel in (
        ("conv1", width, 16, 1),
        ("conv_f", 16, 16, 1),
        ("conv2", 16, 16, 3),
        ("conv3", 16, 16, 3),
        ("conv4", 16, width, 1),
    ):
        d.conv(f"{group}.esa.{name}", before, after, kernel)
    d.conv("output", width, width)
    d.conv("up.0", width, 12)
    if counts:
        d["input.total_ops"] = torch.zeros(1, dtype=torch.float64)
    return d


def omnisr_groups(height: int, width: int, *, grid: bool) -> list[Places]:
    """The places of the pixels that look at each other, each group by rows: windows of 4, or grids of 4 by 4."""
    down, right = (height // 4, width // 4) if grid else (1, 1)
    starts = [(row, column) for row in range(down) for column in range(right)]
    if not grid:
        starts = [(row, column) for row in range(0, height, 4) for column in range(0, width, 4)]
    return [
        [(top + down * row, left + right * column) for row in range(4) for column in range(4)] for top, left in starts
    ]


def omnisr_pixels(x: Tensor, d: Tensors, name: str, *, grid: bool) -> Tensor:
    asked = normed(x, d, f"{name}.norm") @ d[f"{name}.fn.to_qkv.weight"].T
    table, result = d[f"{name}.fn.rel_pos_bias.weight"], torch.zeros_like(x)
    offsets = [[(a // 4 - b // 4 + 3) * 7 + a % 4 - b % 4 + 3 for b in range(16)] for a in range(16)]
    bias = table[torch.tensor(offsets)]
    for places in omnisr_groups(*x.shape[:2], grid=grid):
        q, k, v = torch.stack([asked[place] for place in places]).chunk(3, 1)
        heads = [
            F.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2 + bias[..., at // 4], 1) @ v[:, at : at + 4]
            for at in (0, 4, 8, 12)
        ]
        for place, pixel in zip(places, torch.cat(heads, 1) @ d[f"{name}.fn.to_out.0.weight"].T, strict=True):
            result[place] = pixel
    return x + result


def omnisr_channels(x: Tensor, d: Tensors, name: str, *, grid: bool) -> Tensor:
    y = conv(image(normed(x, d, f"{name}.norm", 1e-6)), d, f"{name}.fn.qkv")
    asked, result = pixels(conv(y, d, f"{name}.fn.qkv_dwconv")), torch.zeros_like(x)
    groups = omnisr_groups(*x.shape[:2], grid=False)
    if grid:  # the same place of every window
        groups = [[places[at] for places in groups] for at in range(16)]
    for places in groups:
        q, k, v = torch.stack([asked[place] for place in places]).T.chunk(3, 0)
        heads = []
        for head in range(4):
            a, b, c = (part[4 * head : 4 * head + 4] for part in (q, k, v))
            a, b = (part / part.norm(dim=1, keepdim=True) for part in (a, b))
            heads.append(F.softmax(a @ b.T * d[f"{name}.fn.temperature"][head, 0, 0], 1) @ c)
        for place, pixel in zip(places, torch.cat(heads).T, strict=True):
            result[place] = pixel
    return x + pixels(conv(image(result), d, f"{name}.fn.project_out"))


def omnisr_mlp(x: Tensor, d: Tensors, name: str) -> Tensor:
    y = conv(image(normed(x, d, f"{name}.norm", 1e-6)), d, f"{name}.fn.project_in")
    weights, kept = conv(y, d, f"{name}.fn.dwconv").chunk(2, 1)
    return x + pixels(conv(F.gelu(weights) * kept, d, f"{name}.fn.project_out"))


def omnisr(x: Tensor, d: Tensors) -> Tensor:
    centred = "input.total_ops" in d
    head = conv(2 * x - 1 if centred else x, d, "input")
    name = "residual_layer.0.residual_layer.0.layer"
    z = F.gelu(conv(F.gelu(conv(head, d, f"{name}.0.fn.0")), d, f"{name}.0.fn.2"))
    gate = F.silu(z.mean((2, 3)) @ d[f"{name}.0.fn.4.gate.1.weight"].T) @ d[f"{name}.0.fn.4.gate.3.weight"].T
    y = pixels(head + conv(z * gate.sigmoid()[..., None, None], d, f"{name}.0.fn.5"))
    for first, grid in ((2, False), (8, True)):
        y = omnisr_mlp(omnisr_pixels(y, d, f"{name}.{first}", grid=grid), d, f"{name}.{first + 2}")
        y = omnisr_mlp(omnisr_channels(y, d, f"{name}.{first + 3}", grid=grid), d, f"{name}.{first + 4}")
    z = conv(image(y), d, "residual_layer.0.residual_layer.1") + head
    narrow = conv(z, d, "residual_layer.0.esa.conv1")
    coarse = F.max_pool2d(conv(narrow, d, "residual_layer.0.esa.conv2", stride=2, padding=0), 7, 3)
    fine = F.interpolate(conv(coarse, d, "residual_layer.0.esa.conv3"), z.shape[2:], mode="bilinear")
    weights = conv(fine + conv(narrow, d, "residual_layer.0.esa.conv_f"), d, "residual_layer.0.esa.conv4")
    sr = F.pixel_shuffle(conv(conv(z * weights.sigmoid(), d, "output") + head, d, "up.0"), 2)
    return (sr + 1) / 2 if centred else sr


# name → weights, the second implementation, scale, architecture
TRANSFORMERS: dict[str, tuple[Tensors, Net, int, str]] = {
    "dat light x3": (dat_weights((3,), light=True), dat((3,), light=True), 3, "dat"),
    "omnisr": (omnisr_weights(counts=False), omnisr, 2, "omnisr"),
    "omnisr of its authors": (omnisr_weights(counts=True), omnisr, 2, "omnisr"),
    "dat x2": (dat_weights((2, 2), light=False), dat((2, 2), light=False), 2, "dat"),
}
