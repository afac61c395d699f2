"""Crops that begin at another pixel each step: what judges pictures by strided layers must not know their grid.

Features and discriminators reduce by 2 layer after layer, a network enlarges by its scale, and training crops begin at
a low-resolution pixel. Where these always meet at the same place, a network learns a pattern of that period.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shifted(sr: Tensor, hr: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """Cut the same random number of rows and columns, each in [0, shift), off the top and the left of both.

    Args:
        sr: `n c h w`.
        hr: of sr's size.
        shift: 1 cuts nothing and draws nothing.
    """
    if shift == 1:
        return sr, hr
    top, left = torch.randint(shift, (2,)).tolist()
    return sr[..., top:, left:], hr[..., top:, left:]
