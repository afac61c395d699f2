"""Total variation."""

from __future__ import annotations

from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class TVConfig:
    """Nothing to set."""


class TV(Loss):
    """Mean |difference| of neighbouring sr pixels, downward plus rightward; hr plays no part.

    The anisotropic form of Rudin, Osher, Fatemi, "Nonlinear Total Variation Based Noise Removal Algorithms",
    Physica D 1992. It quiets noise and ringing, and flattens texture: give it a small weight.
    """

    config_type = TVConfig

    def __init__(self, config: TVConfig) -> None:
        super().__init__()

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Each direction's mean over the batch, the channels and its pairs of neighbours; sides of at least 2."""
        down = (sr[:, :, 1:] - sr[:, :, :-1]).abs().mean()
        right = (sr[:, :, :, 1:] - sr[:, :, :, :-1]).abs().mean()
        return down + right
