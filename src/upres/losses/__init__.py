"""Loss terms. A new one is one file here and one line in `LOSSES`."""

from __future__ import annotations

from upres.losses.charbonnier import Charbonnier
from upres.losses.l1 import L1
from upres.losses.loss import Loss
from upres.losses.mse import MSE

LOSSES: dict[str, type[Loss]] = {
    "charbonnier": Charbonnier,
    "l1": L1,
    "mse": MSE,
}

__all__ = ["LOSSES", "Loss"]
