"""Attention within windows of a picture, every other time shifted by half of one.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upres.archs.layers.receptive_field import Interval

Window = tuple[int, int]
"""Height and width, in pixels."""


def cut(x: Tensor, window: Window) -> Tensor:
    """`n c h w` → the windows' pixels, `n·windows pixels c`, rows of windows first."""
    n, c, h, w = x.shape
    height, width = window
    x = x.reshape(n, c, h // height, height, w // width, width)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, height * width, c)


def join(windows: Tensor, like: Tensor, window: Window) -> Tensor:
    """Undo `cut`: `n·windows pixels c` → `n c h w` of the sides of `like`."""
    n, _, h, w = like.shape
    height, width = window
    x = windows.reshape(n, h // height, w // width, height, width, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(n, -1, h, w)


def places(window: Window, around: Window) -> Tensor:
    """Return which entry of a table of offsets belongs to each pair of pixels: those of `window`, those of `around`.

    Args:
        window: the window that asks.
        around: the one it asks, with the same middle; the same, or larger.
    """

    def offsets(own: int, other: int) -> Tensor:
        return torch.arange(own)[:, None] - torch.arange(other)[None] + other - 1  # from 0 to own + other - 2

    rows, columns = (offsets(own, other) for own, other in zip(window, around, strict=True))
    side = window[1] + around[1] - 1
    pairs = rows[:, None, :, None] * side + columns[None, :, None, :]
    return pairs.reshape(window[0] * window[1], around[0] * around[1])


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, bias: Tensor, apart: Tensor | None = None) -> Tensor:
    """Return the values that each pixel of a window is given by those it looks at, `windows pixels c`.

    Args:
        query: `windows pixels c`.
        key, value: `windows others c`.
        heads: how many share the channels.
        bias: added to each pair's likeness, `pixels others heads`.
        apart: added besides, a window of a picture `windows-of-one 1 pixels others`.
    """
    count, pixels, width = query.shape

    def by_head(part: Tensor) -> Tensor:
        return part.reshape(count, part.shape[1], heads, width // heads).transpose(1, 2)

    likeness = by_head(query * (width // heads) ** -0.5) @ by_head(key).transpose(2, 3) + bias.permute(2, 0, 1)
    if apart is not None:
        likeness = (likeness.reshape(-1, *apart.shape[:1], *likeness.shape[1:]) + apart).reshape(likeness.shape)
    return (likeness.softmax(dim=-1) @ by_head(value)).transpose(1, 2).reshape(count, pixels, width)


def apart_when_moved(x: Tensor, window: Window, shift: Window) -> Tensor:
    """Return −100 for pairs of pixels that only moving brought into one window, else 0: `windows 1 pixels pixels`."""

    def part(axis: int) -> Tensor:
        side = x.shape[axis + 2]
        at = torch.arange(side, device=x.device)
        return (at >= side - window[axis]).long() + (at >= side - shift[axis]).long()

    parts = (3 * part(0)[:, None] + part(1)[None])[None, None]
    own = cut(parts, window)[..., 0]
    return (own[:, :, None] != own[:, None, :]).to(x.dtype)[:, None] * -100


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
        self._window, self._heads, self._shift = (window, window), heads, shift
        self.register_buffer("places", places(self._window, self._window).reshape(-1), persistent=False)
        self.places: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same; sides are multiples of the window."""
        window, shift = self._window, self._shift
        moved = torch.roll(x, (-shift, -shift), (2, 3)) if shift else x
        query, key, value = self.ask(cut(moved, window)).chunk(3, dim=-1)
        bias = self.bias[self.places].reshape(query.shape[1], query.shape[1], self._heads)
        apart = apart_when_moved(x, window, (shift, shift)) if shift else None
        result = join(self.out(attend(query, key, value, self._heads, bias, apart)), x, window)
        return torch.roll(result, (shift, shift), (2, 3)) if shift else result

    def receptive_field(self, seen: Interval) -> Interval:
        """Return what the pixels look at: whole windows."""
        window, shift = self._window[0], self._shift
        first, last = ((pixel - shift) // window * window + shift for pixel in seen)
        return first, last + window - 1
