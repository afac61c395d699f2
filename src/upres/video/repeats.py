"""Tiles that a film repeats from one picture to the next are predicted once: those whose input is the same, byte by
byte, with all that the model sees around them."""

from __future__ import annotations

import hashlib
import itertools
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from upres.image.picture import Picture
from upres.predictors import Predictor
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.tile_plan import plan
from upres.upscaling.tiled_prediction import halo
from upres.video.decoding import Faults, Range, decoded
from upres.video.opening import Film

TILE = 96
"""The side of a tile's core where a film repeats much: smaller ones repeat more often, and more of each is halo."""

# Pictures that are looked at, at each of so many places of a film.
_LOOKED_AT, _PLACES = 10, (0.1, 0.4, 0.7)
# Of the small tiles: as many have to repeat for what is saved to be more than their halos cost.
_ENOUGH = 0.4
# Where so many pictures in a row repeated nothing, only two in so many are looked at: a camera's noise never repeats.
_PATIENCE = 24
_GLANCE = 24


class RepeatedTiles(Predictor):
    """Gives again what a predictor made of the same input a moment ago.

    Inputs are known by a digest of 128 bits (BLAKE2b). Outputs of this picture and of the one before are kept.

    Args:
        predictor: what enlarges what is new.
        max_bytes: of outputs that are kept; beyond it nothing is, and with 0 nothing is looked for.

    Attributes:
        reused, predicted: how many inputs were known, and how many were not.
    """

    def __init__(self, predictor: Predictor, max_bytes: int) -> None:
        self.facts = predictor.facts
        self.how = predictor.how
        self.reused = self.predicted = 0
        self._predictor = predictor
        self._max_bytes = max_bytes
        self._before: dict[bytes, NDArray[np.float32]] = {}
        self._now: dict[bytes, NDArray[np.float32]] = {}
        self._number = self._missed = 0
        self._looks = max_bytes > 0

    def next_picture(self) -> None:
        """Forget what was made two pictures ago."""
        self._before, self._now = self._now, {}
        self._number += 1
        self._missed += 1
        self._looks = self._max_bytes > 0 and (self._missed <= _PATIENCE or self._number % _GLANCE < 2)

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`; not to be written to."""
        if not self._looks:
            self.predicted += 1
            return self._predictor.predict(lr)
        digest = hashlib.blake2b(np.ascontiguousarray(lr).data, digest_size=16)
        digest.update(str(lr.shape).encode())
        key = digest.digest()
        known = self._now.get(key)
        known = self._before.get(key) if known is None else known
        if known is not None:
            self.reused += 1
            self._missed = 0
        else:
            self.predicted += 1
            known = self._predictor.predict(lr)
            known.flags.writeable = False
        if sum(each.nbytes for each in self._now.values()) + known.nbytes <= self._max_bytes // 2:
            self._now[key] = known
        return known


def tile_for(film: Film, enlargement: Enlargement, part: Range) -> int | None:
    """Return the side of the tiles that a film is enlarged by; `None` for the usual one.

    It follows from the film alone, so a run that goes on where another ended has the same.

    Args:
        film: as it was opened.
        enlargement: how its pictures are enlarged.
        part: which part of it.
    """
    facts = [predictor.facts for predictor in enlargement.predictors]
    end = film.duration if part.end is None else part.end
    if enlargement.tile is not None or not facts or facts[0].radius is None or end is None:
        return enlargement.tile
    tiles = plan(film.height, film.width, tile=TILE, halo=halo(facts[0], enlargement.halo), multiple=facts[0].multiple)
    repeated = looked_at = 0
    for place in _PLACES:
        start = part.start + (end - part.start) * Fraction(place)
        pictures = itertools.islice(decoded(film, Faults(), part=Range(start, part.end)), _LOOKED_AT)
        for one, other in itertools.pairwise(pictures):
            changed = _changed(one.picture, other.picture)
            for tile in tiles:
                rows = slice(tile.rows.input_start, tile.rows.input_stop)
                columns = slice(tile.columns.input_start, tile.columns.input_stop)
                repeated += not changed[rows, columns].any()
                looked_at += 1
    return TILE if looked_at and repeated / looked_at >= _ENOUGH else None


def _changed(one: Picture, other: Picture) -> NDArray[np.bool_]:
    changed: NDArray[np.bool_] = (one.pixels != other.pixels).any(axis=2)
    return changed
