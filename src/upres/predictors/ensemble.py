"""The eight flips and quarter turns of a picture, each enlarged, turned back and averaged.

"Self-ensemble": Timofte et al., "Seven Ways to Improve Example-Based Single Image Super Resolution",
CVPR 2016, section 3.4. Eight times the work for a few hundredths to a tenth of a decibel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upres.predictors.base import Predictor


class EnsemblePredictor(Predictor):
    """Gives the mean of what a predictor makes of the eight ways a picture can lie.

    Args:
        predictor: what enlarges each of them.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.facts = predictor.facts
        self.how = f"{predictor.how}, the mean of 8 flips and turns".removeprefix(", ")
        self._predictor = predictor

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        total: NDArray[np.float32] | None = None
        for turns in range(4):
            for flipped in (False, True):
                seen = np.rot90(lr[..., ::-1] if flipped else lr, turns, axes=(2, 3))
                sr = np.rot90(self._predictor.predict(np.ascontiguousarray(seen)), -turns, axes=(2, 3))
                sr = sr[..., ::-1] if flipped else sr
                total = sr.copy() if total is None else total + sr
        assert total is not None
        return total / np.float32(8)
