"""Degradations: how low-resolution training inputs are made. One file and one line in `DEGRADATIONS` each."""

from __future__ import annotations

from upres.degrade.bicubic import Bicubic
from upres.degrade.chain import Chain
from upres.degrade.degradation import Degradation, PerStep

DEGRADATIONS: dict[str, type[Degradation]] = {
    "bicubic": Bicubic,
    "chain": Chain,
}

__all__ = ["DEGRADATIONS", "Degradation", "PerStep"]
