"""Weights that an untrained network begins with."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from upres.archs.network import Network
from upres.config.tables import Table

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def own(network: Network) -> None:
    """Leave what the architecture began with: PyTorch's defaults, unless its paper says otherwise."""


def keras(network: Network) -> None:
    """Begin as Keras' layers do: weights even in ±√(6 ÷ (fan in + fan out)), biases 0.

    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, eq. 16.
    """
    for layer in network.modules():
        if isinstance(layer, _CONVOLUTIONS):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


INITIALIZATIONS: Table[Callable[[Network], None]] = Table("upres.archs.initializations", {"own": own, "keras": keras})
