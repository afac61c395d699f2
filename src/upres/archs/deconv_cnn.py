"""The transposed-convolution CNN of a published CIFAR-10 notebook: 225,027 parameters at its default widths.

Kept exactly as it was described (Keras conventions included) so that its numbers can be reproduced.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.fixed_upsampling import lr_radius
from upres.archs.network import Network
from upres.config import config
from upres.errors import ConfigError


@config
class DeconvCNNConfig:
    """`width` of the ordinary layers; the transposed convolution gives twice as many."""

    width: int = 64


class DeconvCNN(Network):
    """Two convolutions, a stride-2 transposed one, three convolutions, a sigmoid; ×2 only, all kernels 3×3."""

    config_type = DeconvCNNConfig

    def __init__(self, config: DeconvCNNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        if scale != 2:
            raise ConfigError(f"deconv-cnn: scale = {scale}: should be 2, its one transposed convolution doubles")
        width = config.width
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.deconv = nn.ConvTranspose2d(width, 2 * width, 3, stride=2)
        self.conv3 = nn.Conv2d(2 * width, width, 3, padding=1)
        self.conv4 = nn.Conv2d(width, width, 3, padding=1)
        self.conv5 = nn.Conv2d(width, channels, 3, padding=1)
        for layer in self.children():
            # Keras starts from Glorot uniform weights and zero biases; PyTorch's default trains differently.
            assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def radius(self) -> int:
        """Three 3×3 at hr, one lr pixel for the transposed convolution, two 3×3 at lr."""
        return lr_radius(3, 2) + 1 + 2

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c 2h 2w`, in (0, 1)."""
        x = F.relu(self.conv1(lr))
        x = F.relu(self.conv2(x))
        # "same" in Keras pads a stride-2 kernel of 3 at the end only: the last row and column are cut off.
        x = F.relu(self.deconv(x)[:, :, :-1, :-1])
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        return torch.sigmoid(self.conv5(x))
