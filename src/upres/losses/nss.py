"""How natural the texture is: statistics of normalised brightness."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.losses.luma import luma

_SIGMA = 7 / 6
_RADIUS = 3

# Neighbours along the rows, the columns and both diagonals: of each pair the first's and the second's rows and columns.
_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_PAIRS = (
    ((_ALL, _FIRST), (_ALL, _LAST)),
    ((_FIRST, _ALL), (_LAST, _ALL)),
    ((_FIRST, _FIRST), (_LAST, _LAST)),
    ((_FIRST, _LAST), (_LAST, _FIRST)),
)

_LEAST = 1e-6  # below a root, whose slope at 0 is endless


@config
class NSSConfig:
    """`sizes`: at how many sizes, each half of the one before; 2, as NIQE has it."""

    sizes: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.sizes <= 4:
            raise ValueError(f"sizes = {self.sizes}: should be from 1 to 4")


class NSS(Loss):
    """Mean absolute difference of the natural scene statistics of sr and hr, each crop against its own truth.

    The brightness (BT.601, 0 to 255) is normalised, (x − mean) / (deviation + 1) in Gaussian windows of 7×7
    (Mittal, Moorthy, Bovik, "No-Reference Image Quality Assessment in the Spatial Domain", TIP 2012, equation 1).
    Its statistics are the mean magnitude and the root of the mean square of the normalised values; and of their
    products with their neighbours along the rows, the columns and both diagonals the mean, the mean magnitude, and the
    root of the mean square of the negative and of the positive ones: the moments to which BRISQUE and NIQE fit their
    distributions. They say how strong a texture is, how coarse and in which direction, and not where.

    Weights that were trained by it are no longer judged by NIQE from outside.
    """

    config_type = NSSConfig
    _window: Tensor

    def __init__(self, config: NSSConfig) -> None:
        super().__init__()
        self._config = config
        at = torch.arange(-_RADIUS, _RADIUS + 1)
        window = torch.exp(-(at**2) / (2 * _SIGMA**2))
        self.register_buffer("_window", window / window.sum(), persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch, the sizes and the statistics; sides of at least 8 pixels at the smallest size."""
        with torch.autocast(sr.device.type, enabled=False):
            ours, theirs = (255 * luma(x.float())[:, None] for x in (sr, hr))
            apart = []
            for size in range(self._config.sizes):
                if size:
                    ours, theirs = (F.avg_pool2d(x, 2) for x in (ours, theirs))
                apart.append((self._statistics(ours) - self._statistics(theirs)).abs().mean())
            return torch.stack(apart).mean()

    def _statistics(self, brightness: Tensor) -> Tensor:
        """`n 1 h w` → `n 18`."""
        mean = self._blurred(brightness)
        deviation = torch.sqrt((self._blurred(brightness**2) - mean**2).clamp_min(0) + _LEAST)
        values = ((brightness - mean) / (deviation + 1))[:, 0]
        found = [values.abs().mean((1, 2)), _root(values)]
        for first, second in _PAIRS:
            products = values[:, first[0], first[1]] * values[:, second[0], second[1]]
            found += [products.mean((1, 2)), products.abs().mean((1, 2)), _root(F.relu(-products))]
            found.append(_root(F.relu(products)))
        return torch.stack(found, 1)

    def _blurred(self, brightness: Tensor) -> Tensor:
        padded = F.pad(brightness, [_RADIUS] * 4, mode="replicate")
        return F.conv2d(F.conv2d(padded, self._window.view(1, 1, -1, 1)), self._window.view(1, 1, 1, -1))


def _root(values: Tensor) -> Tensor:
    """`n h w` → `n`: the root of the mean square."""
    return torch.sqrt((values**2).mean((1, 2)) + _LEAST)
