"""Trained upsampling of features, in steps of the scale's prime factors: ×4 is ×2 twice, ×3 is one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.receptive_field import Interval

UpsamplerName = Literal["pixel-shuffle", "nearest", "transposed", "bilinear"]
Activation = Callable[[], nn.Module]


class Upsampler(nn.Sequential):
    """Features `n width h w` → `n width s·h s·w`; made by `trained_upsampler`."""

    def __init__(self, name: UpsamplerName, scale: int, width: int, activation: Activation | None) -> None:
        layers: list[nn.Module] = []
        for factor in prime_factors(scale):
            layers += _STEPS[name](factor, width)
            if activation is not None:
                layers.append(activation())
        super().__init__(*layers)
        self._name, self._scale = name, scale

    def receptive_field(self, hr: Interval) -> Interval:
        """Return the pixels of the input that those of the output look at."""
        for factor in reversed(prime_factors(self._scale)):
            if self._name == "pixel-shuffle":
                hr = receptive_field.conv(receptive_field.repeated(hr, factor), 3)
            elif self._name == "nearest":
                hr = receptive_field.repeated(receptive_field.conv(hr, 3), factor)
            elif self._name == "bilinear":
                hr = receptive_field.bilinear(receptive_field.conv(hr, 3), factor)
            else:
                hr = receptive_field.transposed(hr, factor, factor + 2, 1)
        return hr


def trained_upsampler(
    name: UpsamplerName, *, scale: int, width: int, activation: Activation | None = None
) -> Upsampler:
    """Build the trained upsampler of that name, with an activation behind each of its steps.

    - `pixel-shuffle`: a 3×3 convolution to `width · f²`, laid out as pixels (Shi et al., ESPCN, CVPR 2016).
    - `nearest`: each pixel `f × f` times, then a 3×3 convolution: no checkerboard (Odena, Dumoulin, Olah,
      "Deconvolution and Checkerboard Artifacts", Distill 2016).
    - `bilinear`: bilinear enlargement, then a 3×3 convolution; a little smoother at the start than nearest.
    - `transposed`: a transposed convolution of kernel f + 2 and stride f; for ×2 its kernel of 4 is a multiple of
      the stride, so that every output pixel adds up as many products (same article).
    """
    return Upsampler(name, scale, width, activation)


def prime_factors(scale: int) -> list[int]:
    """Return the scale's prime factors, smallest first."""
    factors = []
    divisor = 2
    while scale > 1:
        if scale % divisor:
            divisor += 1
        else:
            factors.append(divisor)
            scale //= divisor
    return factors


class _Enlarge(nn.Module):
    def __init__(self, factor: int, mode: Literal["nearest", "bilinear"]) -> None:
        super().__init__()
        self._factor, self._mode = factor, mode

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=self._factor, mode=self._mode)


def _pixel_shuffle(factor: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(width, width * factor**2, 3, padding=1), nn.PixelShuffle(factor)]


def _nearest(factor: int, width: int) -> list[nn.Module]:
    return [_Enlarge(factor, "nearest"), nn.Conv2d(width, width, 3, padding=1)]


def _bilinear(factor: int, width: int) -> list[nn.Module]:
    return [_Enlarge(factor, "bilinear"), nn.Conv2d(width, width, 3, padding=1)]


def _transposed(factor: int, width: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(width, width, factor + 2, stride=factor, padding=1)]


_STEPS: dict[UpsamplerName, Callable[[int, int], list[nn.Module]]] = {
    "pixel-shuffle": _pixel_shuffle,
    "nearest": _nearest,
    "bilinear": _bilinear,
    "transposed": _transposed,
}
