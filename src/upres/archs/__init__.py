"""Network architectures. A new one is one file here and one line in `table.py`."""

from upres.archs.discriminators import Discriminator
from upres.archs.network import Network
from upres.archs.table import ARCHS, DISCRIMINATORS

__all__ = ["ARCHS", "DISCRIMINATORS", "Discriminator", "Network"]
