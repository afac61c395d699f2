"""LPIPS, as it is published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from upres.models.backbones import Backbone, BackboneDistance, load_backbone, normalised

NETWORKS = {"alex": "alexnet", "vgg": "vgg16"}
"""The backbone of each network that LPIPS calls by these names."""

LINEAR = Path(__file__).with_name("lpips-linear.npz")
"""The published linear weights, version 0.1; their licence is in `LICENSES.md` beside them."""

# The authors' scaling of pictures in [-1, 1].
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)

# Keeps the root's gradient finite where no feature is active. The authors add 1e-10 behind the root instead: where any
# feature is active, it is the same in float32.
_EPSILON = 1e-8


class LpipsDistance(BackboneDistance):
    """Learned Perceptual Image Patch Similarity, version 0.1 (Zhang, Isola, Efros, Shechtman, Wang, CVPR 2018).

    Equation 1: features of five layers made unit length at each place, their squared differences weighted channel by
    channel as learned from people's judgements, averaged over places and added over layers.

    Args:
        backbone: with the weights of ImageNet.
        weights: of each layer's channels, `c` each.
    """

    def __init__(self, backbone: Backbone, weights: list[Tensor]) -> None:
        super().__init__(backbone)
        for number, row in enumerate(weights):
            self.register_buffer(f"linear_{number}", row.view(1, -1, 1, 1), persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return each picture's distance, `n`; 0 is equal."""
        ours, theirs = (self.backbone(normalised(2 * pixels - 1, _SHIFT, _SCALE)) for pixels in (sr, hr))
        with torch.autocast(sr.device.type, enabled=False):
            terms = []
            for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                apart = (_unit(a) - _unit(b)).square() * getattr(self, f"linear_{number}")
                terms.append(apart.sum(dim=1).mean(dim=(1, 2)))
            return torch.stack(terms).sum(dim=0)


def load_lpips(network: str, backbone: str | None) -> LpipsDistance:
    """Return LPIPS on one of `NETWORKS`; `backbone` as `load_backbone` takes it.

    Raises:
        ModelError: as there.
    """
    return LpipsDistance(load_backbone(backbone, NETWORKS[network], f"LPIPS ({network})"), linear_weights(network))


def linear_weights(network: str) -> list[Tensor]:
    """Return the published weights of each layer's channels."""
    with np.load(LINEAR, allow_pickle=False) as arrays:
        return [torch.from_numpy(arrays[f"{network}.{layer}"]) for layer in range(5)]


def _unit(features: Tensor) -> Tensor:
    return features / (_EPSILON + features.square().sum(dim=1, keepdim=True)).sqrt()
