"""Maxima of a picture's windows, of uneven sides where their number does not divide the picture's, and back.

PyTorch's adaptive pooling is the former; it is not written to ONNX for sizes that are not known beforehand, so an
exported graph picks the pixels of each window by their numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def window_maxima(x: Tensor, factor: int) -> Tensor:
    """`n c h w` → `n c h/f w/f`, rounded down but to at least 1; windows overlap by a pixel where they must."""
    if torch.onnx.is_in_onnx_export():
        return _axis_maxima(_axis_maxima(x, factor).transpose(2, 3), factor).transpose(2, 3)
    height, width = (max(side // factor, 1) for side in x.shape[2:])
    return F.adaptive_max_pool2d(x, (height, width))


def spread(x: Tensor, height: int, width: int) -> Tensor:
    """`n c h w` → `n c height width`, each pixel repeated: the nearest one, by whole numbers, without rounding."""
    return x.index_select(2, _sources(x.shape[2], height, x)).index_select(3, _sources(x.shape[3], width, x))


def _sources(few: int, many: int, like: Tensor) -> Tensor:
    return torch.div(torch.arange(many, device=like.device) * few, many, rounding_mode="floor")


def _axis_maxima(x: Tensor, factor: int) -> Tensor:
    side = torch.as_tensor(x.shape[2])
    count = torch.clamp(_floor(side, factor), min=1)
    number = torch.arange(count)  # type: ignore[call-overload]  # it takes a tensor where a graph is recorded
    first, behind = _floor(number * side, count), _floor((number + 1) * side + count - 1, count)
    # No window is longer than twice the factor; the last pixel of a shorter one is taken again.
    places = torch.minimum(first[:, None] + torch.arange(2 * factor), behind[:, None] - 1)
    picked = x.index_select(2, places.flatten())
    return picked.reshape(x.shape[0], x.shape[1], -1, 2 * factor, x.shape[3]).amax(3)


def _floor(number: Tensor, divisor: Tensor | int) -> Tensor:
    return torch.div(number, divisor, rounding_mode="floor")
