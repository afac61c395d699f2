"""Small pictures of one size, predicted together: one at a time a processor's cores wait for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from upres.image import to_unit
from upres.predictors import Predictor

# Of lr, in all pictures of a batch together.
_PIXELS = 128 * 128

Known = Mapping[bytes, NDArray[np.float32]]
"""What a model made of pictures: sr `1 c s·h s·w` by the bytes of its lr."""


class TogetherPredictor(Predictor):
    """Gives a picture what it got among others, and predicts what it does not know.

    So the path of a picture stays that of every other: what is done around the network is not repeated here.

    Args:
        predictor: what predicts.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.facts, self.how = predictor.facts, predictor.how
        self._known: Known = {}

    def together(self, pictures: Sequence[NDArray[np.uint8]]) -> Known:
        """Predict pictures `h w c` of one size, for `take`; it may be called in another thread meanwhile.

        A model of R, G, B is shown gray as three equal channels, whatever the file holds. Left out are those that a
        model of one channel is not shown as they are.
        """
        channels = self.facts.channels
        shown = [pixels.repeat(3, axis=2) if channels > pixels.shape[2] == 1 else pixels for pixels in pictures]
        fit = [pixels for pixels in shown if pixels.shape[2] == channels]
        if len(fit) < 2 or self.facts.colour == "luma":
            return {}
        stack = to_unit(np.stack(fit)).transpose(0, 3, 1, 2)
        missing = [-side % self.facts.multiple for side in stack.shape[2:]]
        lr = np.ascontiguousarray(np.pad(stack, [(0, 0), (0, 0), (0, missing[0]), (0, missing[1])], mode="edge"))
        return {one.tobytes(): sr[None] for one, sr in zip(lr, self.predictor.predict(lr), strict=True)}

    def take(self, known: Known) -> None:
        """Know what `together` returned, in place of what was known before."""
        self._known = known

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge a batch, as every predictor does."""
        return found if (found := self._known.get(lr.tobytes())) is not None else self.predictor.predict(lr)


def batch_size(height: int, width: int) -> int:
    """Return how many pictures of a size are predicted together; 1 where a single one is enough for all cores."""
    return max(1, _PIXELS // (height * width))
