"""FSRCNN: SRCNN's successor, narrow in the middle, at low resolution up to one transposed convolution.

Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016, section 3.
"""

from __future__ import annotations

from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.receptive_field import Interval
from upres.archs.network import Network
from upres.config import config

_DECONV = 9


@config
class FSRCNNConfig:
    """`width`, `narrow` and `maps` are the paper's d, s and m; FSRCNN-s is 32, 5 and 1."""

    width: int = 56
    narrow: int = 12
    maps: int = 4

    def __post_init__(self) -> None:
        if self.width < 1 or self.narrow < 1 or self.maps < 0:
            raise ValueError(
                f"width = {self.width}, narrow = {self.narrow}, maps = {self.maps}: should be at least 1, 1 and 0"
            )


class FSRCNN(Network):
    """5×5 features, 1×1 shrinking, `maps` of 3×3, 1×1 expanding, a 9×9 transposed convolution; PReLU between."""

    config_type = FSRCNNConfig

    def __init__(self, config: FSRCNNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width, narrow = config.width, config.narrow
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, padding=2), nn.PReLU(width)]
        layers += [nn.Conv2d(width, narrow, 1), nn.PReLU(narrow)]
        for _ in range(config.maps):
            layers += [nn.Conv2d(narrow, narrow, 3, padding=1), nn.PReLU(narrow)]
        layers += [nn.Conv2d(narrow, width, 1), nn.PReLU(width)]
        self.body = nn.Sequential(*layers)
        self.deconv = nn.ConvTranspose2d(
            width, channels, _DECONV, stride=scale, padding=_DECONV // 2, output_padding=scale - 1
        )
        self._maps = config.maps
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):  # section 3.4: as He et al. found for PReLU
                nn.init.kaiming_normal_(layer.weight, a=0.25)

    @property
    def radius(self) -> int:
        """What an output pixel sees through the transposed convolution, 3×3 a map, and 5×5."""

        def lr_field(hr: Interval) -> Interval:
            features = receptive_field.transposed(hr, self.scale, _DECONV, _DECONV // 2)
            return receptive_field.conv(features, 2 * (self._maps + 2) + 1)

        return receptive_field.radius(lr_field, self.scale)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        result: Tensor = self.deconv(self.body(lr))
        return result
