"""Network architectures. A new one is one file here and one line in `ARCHS`."""

from __future__ import annotations

from typing import Any

from upres.archs.deconv_cnn import DeconvCNN
from upres.archs.espcn import ESPCN
from upres.archs.network import Network
from upres.archs.plainres import PlainRes
from upres.archs.srcnn import SRCNN

ARCHS: dict[str, type[Network]] = {
    "deconv-cnn": DeconvCNN,
    "espcn": ESPCN,
    "plainres": PlainRes,
    "srcnn": SRCNN,
}


def build_network(name: str, config: Any, *, scale: int, channels: int) -> Network:
    """Build the architecture of that name from its configuration."""
    constructor: Any = ARCHS[name]
    network: Network = constructor(config, scale=scale, channels=channels)
    return network


__all__ = ["ARCHS", "Network", "build_network"]
