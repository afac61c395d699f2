"""SRResNet: the generator of SRGAN, residual blocks with batch normalisation.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017,
section 2.1.1 and figure 4. The network here maps [0, 1] to [0, 1]; the paper's gives [−1, 1].
"""

from __future__ import annotations

from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import FixedSkip, fixed_skip
from upres.archs.layers.receptive_field import Interval
from upres.archs.layers.trained_upsampling import UpsamplerName, trained_upsampler
from upres.archs.network import Network
from upres.config import config


@config
class SRResNetConfig:
    """Attributes:

    width: channels of the body.
    blocks: residual blocks.
    batch_norm: as published; without it (ESRGAN, section 3.1) no pixel depends on the rest of its batch.
    upsampler: `pixel-shuffle` as published, `nearest`, `bilinear` or `transposed`.
    upsampling: the fixed enlargement of the lr picture that is added to the output: `none` as published,
        `nearest` or `bicubic`.
    """

    width: int = 64
    blocks: int = 16
    batch_norm: bool = True
    upsampler: UpsamplerName = "pixel-shuffle"
    upsampling: FixedSkip = "none"

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0:
            raise ValueError(f"width = {self.width}, blocks = {self.blocks}: should be at least 1 and 0")


class _Block(nn.Module):
    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_conv(width, batch_norm), nn.PReLU(), *_conv(width, batch_norm))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class SRResNet(Network):
    """A 9×9 head, blocks and a convolution under a long skip, upsampler, a 9×9 tail at the output size."""

    config_type = SRResNetConfig

    def __init__(self, config: SRResNetConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = Blocks(
            *(_Block(width, config.batch_norm) for _ in range(config.blocks)), *_conv(width, config.batch_norm)
        )
        self.upsampler = trained_upsampler(config.upsampler, scale=scale, width=width, activation=nn.PReLU)
        self.tail = nn.Conv2d(width, channels, 9, padding=4)
        self.skip = fixed_skip(config.upsampling, scale=scale, channels=channels)
        self._blocks = config.blocks

    @property
    def radius(self) -> int:
        """The tail, the upsampler, and before it one pixel a convolution and four for the head."""

        def lr_field(hr: Interval) -> Interval:
            features = self.upsampler.receptive_field(receptive_field.conv(hr, 9))
            return receptive_field.conv(receptive_field.conv(features, 2 * (1 + 2 * self._blocks) + 1), 9)

        return max(receptive_field.radius(lr_field, self.scale), self.skip.radius)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self.head(lr)
        x = x + self.body(x)
        result: Tensor = self.skip(self.tail(self.upsampler(x)), lr)
        return result


def _conv(width: int, batch_norm: bool) -> list[nn.Module]:
    # A bias before a batch normalisation does nothing: the mean is taken off again.
    layers: list[nn.Module] = [nn.Conv2d(width, width, 3, padding=1, bias=not batch_norm)]
    return [*layers, nn.BatchNorm2d(width)] if batch_norm else layers
