"""VGG19's features: the network that perceptual and style losses compare pictures in.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
configuration E: five blocks of 3×3 convolutions with ReLU, each but the first behind a 2×2 maximum.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.losses.shifting import shifted
from upres.models.vgg import Convention, load_features


@config
class FeatureConfig:
    """Attributes:

    layers: VGG19's layers, `conv1_1` to `conv5_4`, and the weight of each.
    activated: compare after the ReLU; else before it.
    features: `vgg19`, torchvision's published file, or the path of a local one; see `losses.features`.
    convention: what the file's network saw: `auto`, `torchvision` or `caffe`.
    shift: each step cuts up to so many pixels less one off the top and the left, at random, so that the network learns
        no pattern of the features' grid; its scale, or 8, takes it away.
    """

    layers: dict[str, float]
    activated: bool
    features: str = "vgg19"
    convention: Convention = "auto"
    shift: int = 1

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("layers is empty: should name at least one, for example conv3_4: 1.0")
        if self.shift < 1:
            raise ValueError(f"shift = {self.shift}: should be at least 1")


class FeatureLoss(Loss):
    """Weighted sum over layers of a distance between the features of sr and of hr.

    Attributes:
        key: what recipes call the loss.

    Raises:
        ConfigError: the file of features does not hold a layer.
    """

    key: ClassVar[str]

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.features = load_features(config.features, config.convention)
        self.features.check(config.layers, self.key)
        self._config = config

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch; hr is not differentiated."""
        layers, activated = self._config.layers, self._config.activated
        sr, hr = shifted(sr, hr, self._config.shift)
        ours = self.features(sr, layers, activated)
        with torch.no_grad():
            theirs = self.features(hr, layers, activated)
        return torch.stack([weight * self.distance(ours[name], theirs[name]) for name, weight in layers.items()]).sum()

    @abstractmethod
    def distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Return the mean distance between a layer's features of sr and of hr, `n c h w` each."""


@config
class ComparedConfig(FeatureConfig):
    """Attributes:

    layers, activated, features, convention, shift: see `FeatureConfig`.
    compare: `l1` or `mse`.
    """

    compare: Literal["l1", "mse"] = "l1"


class ComparedLoss(FeatureLoss):
    """Weighted sum over layers of the mean distance between what represents the features of sr and of hr."""

    def __init__(self, config: ComparedConfig) -> None:
        super().__init__(config)
        self._mean = F.l1_loss if config.compare == "l1" else F.mse_loss

    def distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Mean over all that represents the layer."""
        return self._mean(self.represent(ours), self.represent(theirs))

    def represent(self, features: Tensor) -> Tensor:
        """Return what of a layer's features `n c h w` is compared: all of them."""
        return features
