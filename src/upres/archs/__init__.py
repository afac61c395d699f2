"""Network architectures. A new one is one file here and one line in `ARCHS`."""

from __future__ import annotations

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


__all__ = ["ARCHS", "Network"]
