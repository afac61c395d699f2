"""Discriminators: networks that tell hr pictures from sr ones. A new one is a class here and one line in `table.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from upres.archs.layers.padding import to_least
from upres.config import config

_SLOPE = 0.2


class Discriminator(nn.Module, ABC):
    """A network that maps pictures `n c h w` in [0, 1] to logits: high for real (hr), low for fake (sr).

    Built as `Leaf(config, channels=…)`.

    Attributes:
        config_type: the frozen configuration class, declared right above the network.
    """

    config_type: ClassVar[type[Any]]

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """Judge a batch: `n c h w` → logits `n 1` for whole pictures, or maps `n k h w` of pixels or patches."""


@config
class VGGConfig:
    """Attributes:

    width: channels of the first convolution; they double up to eight times as many.
    hidden: units of the layer before the last.
    """

    width: int = 64
    hidden: int = 1024

    def __post_init__(self) -> None:
        if self.width < 1 or self.hidden < 1:
            raise ValueError(f"width = {self.width}, hidden = {self.hidden}: should be at least 1")


class VGG(Discriminator):
    """SRGAN's discriminator (Ledig et al., CVPR 2017, figure 4): one logit a picture.

    Eight 3×3 convolutions with batch normalisation and leaky ReLU, every second of stride 2, then two linear
    layers. The paper's 96×96 pictures arrive at these as 6×6; pictures of other sizes are averaged to 6×6.
    """

    config_type = VGGConfig

    def __init__(self, config: VGGConfig, *, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, config.width, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        before = config.width
        for number in range(1, 8):
            width = config.width << (number // 2)
            stride = 1 + number % 2
            # A bias before a batch normalisation does nothing: the mean is taken off again.
            layers.append(nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False))
            layers += [nn.BatchNorm2d(width), nn.LeakyReLU(_SLOPE)]
            before = width
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten())
        self.judge = nn.Sequential(
            nn.Linear(36 * before, config.hidden), nn.LeakyReLU(_SLOPE), nn.Linear(config.hidden, 1)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """`n c h w` → logits `n 1`."""
        result: Tensor = self.judge(self.features(pixels))
        return result


@config
class PatchConfig:
    """Attributes:

    width: channels of the first convolution; they double up to eight times as many.
    layers: convolutions of stride 2: 3 judge patches of 70×70.
    """

    width: int = 64
    layers: int = 3

    def __post_init__(self) -> None:
        if self.width < 1 or self.layers < 1:
            raise ValueError(f"width = {self.width}, layers = {self.layers}: should be at least 1")


class Patch(Discriminator):
    """The PatchGAN of pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017, section 6.1.2): one logit a patch.

    4×4 convolutions with batch normalisation and leaky ReLU, then two of stride 1.
    """

    config_type = PatchConfig

    def __init__(self, config: PatchConfig, *, channels: int) -> None:
        super().__init__()
        self.least = 3 << config.layers  # of which the last two convolutions, without stride, leave one patch
        layers: list[nn.Module] = [nn.Conv2d(channels, config.width, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        before = config.width
        for number in range(1, config.layers + 1):
            width = config.width * min(2**number, 8)
            layers.append(nn.Conv2d(before, width, 4, stride=1 + (number < config.layers), padding=1, bias=False))
            layers += [nn.BatchNorm2d(width), nn.LeakyReLU(_SLOPE)]
            before = width
        self.judge = nn.Sequential(*layers, nn.Conv2d(before, 1, 4, padding=1))

    def forward(self, pixels: Tensor) -> Tensor:
        """`n c h w` → logits `n 1 h' w'`; a picture below `least` is continued by its edge."""
        result: Tensor = self.judge(to_least(pixels, self.least))
        return result


@config
class MultiScaleConfig:
    """Attributes:

    width, layers: of each discriminator of patches.
    scales: how many there are: the first sees the picture, each further one half the sides of the one before.
    """

    width: int = 64
    layers: int = 3
    scales: int = 3

    def __post_init__(self) -> None:
        if self.width < 1 or self.layers < 1 or self.scales < 1:
            raise ValueError(
                f"width = {self.width}, layers = {self.layers}, scales = {self.scales}: should be at least 1"
            )


class MultiScale(Discriminator):
    """Discriminators of patches on the picture at several sizes (Wang et al., pix2pixHD, CVPR 2018, section 3.2).

    Their maps are brought to the size of the first, so that each has an equal say in a mean. A size that is too small
    for them is passed over, but for the picture's own.
    """

    config_type = MultiScaleConfig

    def __init__(self, config: MultiScaleConfig, *, channels: int) -> None:
        super().__init__()
        of_patches = PatchConfig(width=config.width, layers=config.layers)
        judges = [Patch(of_patches, channels=channels) for _ in range(config.scales)]
        self._least = judges[0].least
        self.judges = nn.ModuleList(judges)

    def forward(self, pixels: Tensor) -> Tensor:
        """`n c h w` → logits `n k h' w'`, one map a size."""
        maps: list[Tensor] = []
        for number, judge in enumerate(self.judges):
            if number:
                pixels = F.avg_pool2d(pixels, 3, stride=2, padding=1, count_include_pad=False)
                if min(pixels.shape[2:]) < self._least:
                    break
            found = judge(pixels)
            maps.append(F.interpolate(found, size=maps[0].shape[2:], mode="nearest") if maps else found)
        return torch.cat(maps, dim=1)


@config
class UNetSNConfig:
    """`width` is the number of channels of the first convolution; they double three times."""

    width: int = 64

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width = {self.width}: should be at least 1")


class UNetSN(Discriminator):
    """Real-ESRGAN's discriminator (Wang et al., ICCVW 2021, section 3.3): one logit a pixel.

    A U-Net (Schönfeld, Schiele, Khoreva, CVPR 2020) whose skips are added, with spectral normalisation (Miyato et
    al., ICLR 2018) of all but the first and last convolution: their largest gain is kept at one.
    """

    config_type = UNetSNConfig

    def __init__(self, config: UNetSNConfig, *, channels: int) -> None:
        super().__init__()
        width = config.width
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(_normalised(width << n, width << (n + 1), 4, stride=2) for n in range(3))
        self.up = nn.ModuleList(_normalised(width << (n + 1), width << n, 3) for n in reversed(range(3)))
        self.refine = nn.ModuleList(_normalised(width, width, 3) for _ in range(2))
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """`n c h w` → logits `n 1 h w`; sides of at least 8."""
        x = F.leaky_relu(self.first(pixels), _SLOPE)
        kept = []
        for down in self.down:
            kept.append(x)
            x = F.leaky_relu(down(x), _SLOPE)
        for up in self.up:
            skip = kept.pop()
            # To the skip's size, not twice its own: an odd side was rounded down.
            x = F.interpolate(x, size=skip.shape[2:], mode="bilinear")
            x = F.leaky_relu(up(x), _SLOPE) + skip
        for refine in self.refine:
            x = F.leaky_relu(refine(x), _SLOPE)
        result: Tensor = self.last(x)
        return result


def _normalised(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=1, bias=False)
    # Without values there is nothing to normalise: PyTorch would take a second to work out the shapes of that alone.
    return conv if conv.weight.is_meta else spectral_norm(conv)
