"""The degradations by the names that recipes give them."""

from __future__ import annotations

from upres.config.tables import Table
from upres.degrade.bicubic import Bicubic
from upres.degrade.chain import Chain
from upres.degrade.degradation import Degradation

DEGRADATIONS: Table[type[Degradation]] = Table(
    "upres.degrade",
    {
        "bicubic": Bicubic,
        "chain": Chain,
    },
)
