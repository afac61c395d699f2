"""The pattern that a network leaves at the places that its upsampling makes of each low-resolution pixel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class GridConfig:
    """Attributes:

    factor: how many places a low-resolution pixel becomes along a side; a network's scale.
    window: the side, in low-resolution pixels, over which the pattern is averaged.
    """

    factor: int = 4
    window: int = 8

    def __post_init__(self) -> None:
        if self.factor < 2 or self.window < 2:
            raise ValueError(f"factor = {self.factor}, window = {self.window}: should be at least 2")


class Grid(Loss):
    """Mean |pattern| that the error repeats at every low-resolution pixel of a window.

    The error sr − hr is averaged over a window at each of the factor² places within a low-resolution pixel; what these
    means differ by from their own mean is the pattern. Textures of photographs know nothing of that grid and average
    out. Perceptual terms alone reward it: to features a fine regular pattern is nearer to texture than nothing is.
    The artefact: Odena, Dumoulin, Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.
    """

    config_type = GridConfig

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        self._config = config

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch, the channels, the windows and the places; of sides below factor × window, one window."""
        factor = self._config.factor
        error = (sr - hr).float()
        height, width = (side // factor * factor for side in error.shape[2:])
        places = F.pixel_unshuffle(error[:, :, :height, :width], factor)
        means = F.avg_pool2d(places, [min(self._config.window, side) for side in places.shape[2:]])
        n, _, rows, columns = means.shape
        by_place = means.reshape(n, sr.shape[1], factor * factor, rows, columns)
        return (by_place - by_place.mean(2, keepdim=True)).abs().mean()
