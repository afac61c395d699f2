"""The steps by the names that recipes give them."""

from __future__ import annotations

from upres.config.tables import Table
from upres.degrade.steps.blur import Blur
from upres.degrade.steps.jpeg import Jpeg
from upres.degrade.steps.noise import Noise
from upres.degrade.steps.resize import Resize
from upres.degrade.steps.shuffle import Shuffle
from upres.degrade.steps.step import Step

STEPS: Table[type[Step]] = Table(
    "upres.degrade.steps",
    {
        "blur": Blur,
        "jpeg": Jpeg,
        "noise": Noise,
        "resize": Resize,
        "shuffle": Shuffle,
    },
)
