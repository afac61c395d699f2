"""DISTS, as it is published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from upres.models.backbones import Backbone, BackboneDistance, load_backbone, normalised

LINEAR = Path(__file__).with_name("dists-linear.npz")
"""The published weights; their licence is in `LICENSES.md` beside them."""

# ImageNet's mean and deviation in [0, 1].
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Equations 3 and 4's c1 and c2.
_STABLE = 1e-6


class DistsDistance(BackboneDistance):
    """Deep Image Structure and Texture Similarity (Ding, Ma, Wang, Simoncelli, TPAMI 2022), less is better.

    One minus the weighted similarity of the means and of the covariances, over whole pictures, of the pixels and of
    VGG16's features of five layers (equations 3 to 5), where VGG16's maxima are replaced by L2 pooling.

    Args:
        backbone: VGG16 with the weights of ImageNet.
        alpha, beta: the weights of the means and of the covariances, a number each channel: 3 of the pixels, then the
            layers'.
    """

    def __init__(self, backbone: Backbone, alpha: Tensor, beta: Tensor) -> None:
        super().__init__(backbone)
        self.alpha: Tensor
        self.beta: Tensor
        total = alpha.sum() + beta.sum()
        self.register_buffer("alpha", alpha / total, persistent=False)
        self.register_buffer("beta", beta / total, persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return each picture's distance, `n`; 0 is equal."""
        ours, theirs = (
            [pixels.expand(-1, 3, -1, -1).float(), *self.backbone(normalised(pixels, _MEAN, _DEVIATION), l2_pool)]
            for pixels in (sr, hr)
        )
        means, covariances = [], []
        with torch.autocast(sr.device.type, enabled=False):
            for a, b in zip(ours, theirs, strict=True):
                mean_a, mean_b = a.mean(dim=(2, 3)), b.mean(dim=(2, 3))
                means.append((2 * mean_a * mean_b + _STABLE) / (mean_a.square() + mean_b.square() + _STABLE))
                apart_a, apart_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
                both = (apart_a * apart_b).mean(dim=(2, 3))
                alone = apart_a.square().mean(dim=(2, 3)) + apart_b.square().mean(dim=(2, 3))
                covariances.append((2 * both + _STABLE) / (alone + _STABLE))
            # The weights add up to 1; so written, equal pictures are at 0 and not a rounding error away.
            apart = self.alpha * (1 - torch.cat(means, dim=1)) + self.beta * (1 - torch.cat(covariances, dim=1))
            return apart.sum(dim=1)


def load_dists(backbone: str | None) -> DistsDistance:
    """Return DISTS; `backbone` as `load_backbone` takes it.

    Raises:
        ModelError: as there.
    """
    return DistsDistance(load_backbone(backbone, "vgg16", "DISTS"), *linear_weights())


def linear_weights() -> tuple[Tensor, Tensor]:
    """Return the published alpha and beta, 1475 each."""
    with np.load(LINEAR, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["alpha"]), torch.from_numpy(arrays["beta"])


def l2_pool(features: Tensor) -> Tensor:
    """Return the root of the blurred squares at every second place (Hénaff and Simoncelli, ICLR 2016)."""
    row = torch.tensor([0.25, 0.5, 0.25], device=features.device, dtype=features.dtype)
    channels = features.shape[1]
    kernel = (row[:, None] * row[None]).expand(channels, 1, 3, 3)
    return (F.conv2d(features.square(), kernel, stride=2, padding=1, groups=channels) + 1e-12).sqrt()
