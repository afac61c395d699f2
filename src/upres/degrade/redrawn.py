"""The partners of one training batch, drawn anew: where NumPy's patches meet a chain of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upres.degrade.degradation import PerStep
from upres.degrade.steps.draws import draws_of_step

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def redrawn(
    degradation: PerStep,
    hr: NDArray[np.uint8],
    *,
    scale: int,
    seed: int,
    step: int,
    pairs: Sequence[int],
    device: torch.device | None = None,
) -> Batch:
    """Degrade the patches of a training step, and cut the margin off both sides at random.

    Args:
        degradation: what to do with them.
        hr: `n s·(h + margin) s·(w + margin) c`.
        scale: hr side ÷ lr side.
        seed, step: decide the result, together with a pair's number.
        pairs: the numbers that these `n` pairs have in the whole batch, of which another process may have the rest.
        device: where it is computed; by default the CPU.

    Returns:
        lr `n h w c` and hr `n s·h s·w c`.
    """
    there = torch.from_numpy(hr).to(device or torch.device("cpu"))
    pair = redrawn_on_device(degradation, there, scale=scale, seed=seed, step=step, pairs=pairs)
    lr, large = (pixels.cpu().numpy() for pixels in pair)
    return lr, large


def redrawn_on_device(
    degradation: PerStep, hr: Tensor, *, scale: int, seed: int, step: int, pairs: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Do the same with a uint8 tensor, where it lies; the result stays there."""
    draws = draws_of_step(seed, step, pairs)
    with torch.no_grad():
        batch = hr.permute(0, 3, 1, 2).contiguous().float().div_(255)
        levels = degradation.batch(batch, scale=scale, draws=draws).mul(255).round_().to(torch.uint8)
        lr = levels.permute(0, 2, 3, 1)
    height, width = (side - degradation.margin for side in lr.shape[1:3])
    tops, lefts = (draws.between((0, degradation.margin + 1)).astype(int).tolist() for _ in range(2))
    return (
        torch.stack([one[y : y + height, x : x + width] for one, y, x in zip(lr, tops, lefts, strict=True)]),
        torch.stack(
            [
                one[scale * y : scale * (y + height), scale * x : scale * (x + width)]
                for one, y, x in zip(hr, tops, lefts, strict=True)
            ]
        ),
    )
