"""What a demonstration found: plain values, to be printed and to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.metrics import Protocol
from upres.models.facts import Facts


@dataclass(frozen=True, eq=False)
class Result:
    """One way to enlarge: `pixels` as `h w c` uint8, median seconds of enlarging, PSNR in dB, SSIM."""

    name: str
    pixels: NDArray[Any]
    seconds: float
    psnr: float
    ssim: float


@dataclass(frozen=True, eq=False)
class Demonstration:
    """A photograph `hr`, its reduction `lr`, both `h w c` uint8, and three ways back.

    Attributes:
        protocol: how the three were compared with `hr`.
        runs: how many runs each median is over.
        facts: of the model behind `ours`.
    """

    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]
    scale: int
    protocol: Protocol
    runs: int
    nearest: Result
    bicubic: Result
    ours: Result
    facts: Facts

    @property
    def results(self) -> tuple[Result, ...]:
        """The three ways, from the plainest to ours."""
        return self.nearest, self.bicubic, self.ours

    def describe(self) -> str:
        """Return the conditions in one line, to be printed with the numbers."""
        return f"{self.protocol.describe()}; seconds: median of {self.runs}"
