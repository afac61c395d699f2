"""How much of a film repeats from picture to picture, and the tiles that make the most of it."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from upres.image.picture import Picture
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
