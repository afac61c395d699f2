"""Distance between the Gram matrices of VGG19 features."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import torch
from torch import Tensor

from upres.config import config
from upres.losses.feature_loss import ComparedConfig, ComparedLoss

_GATYS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@config
class StyleConfig(ComparedConfig):
    """Attributes:

    layers: VGG19's layers, `conv1_1` to `conv5_4`, and the weight of each; the five of Gatys et al. by default.
    activated: Gram matrices after the ReLU, as published; else before it.
    compare: `mse`, as published, or `l1`.
    features: `vgg19`, torchvision's published file, or the path of a local one; see `losses.features`.
    convention: what the file's network saw: `auto`, `torchvision` or `caffe`.
    shift: how far the crops' beginning moves at random, less one; see `FeatureConfig`.
    """

    layers: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_GATYS, 1.0))
    activated: bool = True
    compare: Literal["l1", "mse"] = "mse"


class Style(ComparedLoss):
    """Weighted sum over layers of the mean distance between Gram matrices.

    Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016, section 2.2;
    normalised as in Johnson et al., ECCV 2016, equations 3 and 4; in super-resolution: Sajjadi, Schölkopf,
    Hirsch, "EnhanceNet", ICCV 2017, section 4.2.3. It compares which features occur together, not where.
    """

    config_type = StyleConfig

    key = "style"

    def represent(self, features: Tensor) -> Tensor:
        """Return each layer's matrix, of c² entries."""
        return gram(features)


def gram(features: Tensor) -> Tensor:
    """Return features `n c h w` times themselves, summed over places, divided by c·h·w: `n c c`."""
    n, c, h, w = features.shape
    # A sum over all places: bfloat16 would lose most of its terms.
    with torch.autocast(features.device.type, enabled=False):
        rows = features.float().reshape(n, c, h * w)
        return rows @ rows.transpose(1, 2) / (c * h * w)
