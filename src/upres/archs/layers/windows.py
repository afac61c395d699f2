"""Attention within windows of a picture, every other time shifted by half of one.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upres.archs.layers.receptive_field import Interval


def cut(x: Tensor, window: int) -> Tensor:
    """`n c h w` → the windows' pixels, `n·windows window² c`, rows of windows first."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // window, window, w // window, window)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, window * window, c)


def join(windows: Tensor, like: Tensor, window: int) -> Tensor:
    """Undo `cut`: `n·windows window² c` → `n c h w` of the sides of `like`."""
    n, _, h, w = like.shape
    x = windows.reshape(n, h // window, w // window, window, window, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(n, -1, h, w)


def places(window: int, around: int) -> Tensor:
    """Return which entry of a table of offsets belongs to each pair of pixels: `window² around²`.

    Args:
        window: the side of the window that asks.
        around: that of the one it asks, with the same middle; the same, or larger.
    """
    side = window + around - 1
    axes = torch.arange(window), torch.arange(around)
    offset = axes[0][:, None] - axes[1][None] + around - 1  # from 0 to side - 1
    rows = offset[:, None, :, None].expand(window, window, around, around)
    columns = offset[None, :, None, :].expand(window, window, around, around)
    return (rows * side + columns).reshape(window**2, around**2)


class PixelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel, `n c h w`."""

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class WindowAttention(nn.Module):
    """Each pixel looks at those of its window, by several heads, with a learned bias for each offset.

    Args:
        width: channels, a multiple of `heads`.
        window: its side.
        heads: how many.
        shift: how far the windows are moved down and right.
    """

    def __init__(self, width: int, window: int, heads: int, shift: int) -> None:
        super().__init__()
        self.ask = nn.Linear(width, 3 * width)
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.out = nn.Linear(width, width)
        nn.init.trunc_normal_(self.bias, std=0.02)
        for layer in (self.ask, self.out):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self._window, self._heads, self._shift = window, heads, shift
        self.register_buffer("places", places(window, window).reshape(-1), persistent=False)
        self.places: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same; sides are multiples of the window."""
        window, heads, shift = self._window, self._heads, self._shift
        moved = torch.roll(x, (-shift, -shift), (2, 3)) if shift else x
        query, key, value = self.ask(cut(moved, window)).chunk(3, dim=-1)
        count, pixels, width = query.shape

        def by_head(part: Tensor) -> Tensor:
            return part.reshape(count, pixels, heads, width // heads).transpose(1, 2)

        likeness = by_head(query * (width // heads) ** -0.5) @ by_head(key).transpose(2, 3)
        likeness = likeness + self.bias[self.places].reshape(pixels, pixels, heads).permute(2, 0, 1)
        if shift:
            apart = _apart(x, window, shift)  # windows 1 window² window²
            likeness = (likeness.reshape(x.shape[0], -1, heads, pixels, pixels) + apart).reshape(likeness.shape)
        mixed = (likeness.softmax(dim=-1) @ by_head(value)).transpose(1, 2).reshape(count, pixels, width)
        result = join(self.out(mixed), x, window)
        return torch.roll(result, (shift, shift), (2, 3)) if shift else result

    def receptive_field(self, seen: Interval) -> Interval:
        """Return what the pixels look at: whole windows."""
        window, shift = self._window, self._shift
        first, last = ((pixel - shift) // window * window + shift for pixel in seen)
        return first, last + window - 1


def _apart(x: Tensor, window: int, shift: int) -> Tensor:
    """Return −100 for pairs of pixels that only moving brought into one window, else 0: `windows 1 window² window²`."""
    height, width = x.shape[2:]

    def part(side: int) -> Tensor:
        at = torch.arange(side, device=x.device)
        return (at >= side - window).long() + (at >= side - shift).long()

    parts = (3 * part(height)[:, None] + part(width)[None])[None, None]
    own = cut(parts, window)[..., 0]
    return (own[:, :, None] != own[:, None, :]).to(x.dtype)[:, None] * -100
