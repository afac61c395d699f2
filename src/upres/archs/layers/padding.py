"""Pictures continued at the right and the bottom by their edge pixels, to sides that a network can take.

Upres does the same to whole pictures before it divides them into tiles, so a network meets the same pixels either way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def to_multiple(lr: Tensor, multiple: int) -> Tensor:
    """Continue `n c h w` until both sides are multiples; what is one already is returned as it is."""
    height, width = lr.shape[2:]
    right, below = -width % multiple, -height % multiple
    if right or below:  # a question of its own, so that an exported graph holds no padding
        return F.pad(lr, (0, right, 0, below), mode="replicate")
    return lr


def to_least(lr: Tensor, least: int) -> Tensor:
    """Continue `n c h w` until both sides are at least so long, in an exported graph too."""
    height, width = lr.shape[2:]
    right, below = _missing(width, least), _missing(height, least)
    if torch.onnx.is_in_onnx_export() or right or below:
        return F.pad(lr, (0, right, 0, below), mode="replicate")
    return lr


def _missing(side: int, least: int) -> int:
    if torch.onnx.is_in_onnx_export():  # here a side is a tensor, and stays a variable of the graph
        missing: int = torch.clamp(least - torch.as_tensor(side), min=0)  # type: ignore[assignment]
        return missing
    return max(least - side, 0)
