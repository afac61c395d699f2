"""One step of an enlargement on a picture that arrives in bands: cut tiles, predict, check, put together.

Whatever happens to colour and alpha happens inside a tile, so that the tiled picture equals the whole one,
and so that a band of tiles needs nothing but the rows it was cut from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upres.errors import FailedError, NonFiniteError
from upres.image import from_unit, to_unit
from upres.image.mapped import mapped
from upres.image.picture import peak, rounded
from upres.image.window import Window
from upres.models.facts import Facts
from upres.predictors import Predictor
from upres.predictors.threads import most_threads
from upres.upscaling import tile_plan
from upres.upscaling.channels import CARRIED, RADIUS, enlarge, enlarge_alpha, enlarge_under_alpha, least_halo
from upres.upscaling.tile_memory import PictureTiles
from upres.upscaling.tile_plan import Extent, Plan, Tile

Bands = Iterator[NDArray[Any]]
"""Arrays `rows w c` that follow each other from the top, c = 1 to 4 with alpha last when c is even."""

PIECE_BYTES = 2_000_000
"""The most that a band of output holds, unless one row is more."""

# A picture's tiles overlap by this much when the model looks farther than any halo.
_OVERLAP = 32
# 1 ÷ 2^20 of the range moves results that fall exactly between two levels, which is where bicubic's rational
# weights put many, off the edge: else rounding noise, which depends on the tile, would choose the level.
_TIE = np.float32(2.0**-20)
# Rows that are rounded at once: what lies between the steps of it stays in the processor's cache: 7 ms a megapixel
# where all of a tile at once took 35.
_CACHED_ROWS = 32


def halo(facts: Facts, asked: int | None, *, clear: bool = False) -> int:
    """Return how many pixels a tile is given around its core: what was asked for, or what makes it exact.

    Args:
        facts: the model's.
        asked: what somebody wants instead of the model's radius.
        clear: whether colour is carried under clear pixels, for which more must be seen.
    """
    if asked is not None:
        return asked
    return _OVERLAP if facts.radius is None else max(facts.radius, least_halo(facts)) + (CARRIED if clear else 0)


def plan(facts: Facts, height: int, width: int, *, tile: tuple[int, int], asked_halo: int | None, clear: bool) -> Plan:
    """Return the tiles of one step on a picture of `height` × `width`; the rest is as in `halo`."""
    around = max(halo(facts, asked_halo, clear=clear), RADIUS)
    return tile_plan.plan(height, width, tile=tile, halo=around, multiple=facts.multiple)


def step(
    bands: Iterable[NDArray[Any]],
    plan: Plan,
    predictor: Predictor,
    dtype: DTypeLike,
    *,
    clear: bool,
    done: Callable[[], None],
    memory: PictureTiles | None = None,
) -> Bands:
    """Enlarge as `exact` where tiles can be exact, and as `blended` where they cannot."""
    if predictor.facts.radius is not None or len(plan) == 1:
        return exact(bands, plan, predictor, dtype, clear=clear, done=done, memory=memory)
    return blended(bands, plan, predictor, dtype, clear=clear, done=done)


def exact(
    bands: Iterable[NDArray[Any]],
    plan: Plan,
    predictor: Predictor,
    dtype: DTypeLike,
    *,
    clear: bool,
    done: Callable[[], None],
    memory: PictureTiles | None = None,
) -> Bands:
    """Enlarge by tiles that see all they need: each answers for its core.

    Args:
        bands: the picture.
        plan: its tiles.
        predictor: what enlarges them.
        dtype: of the output.
        clear: whether alpha is 0 anywhere, so that colour must be carried under it.
        done: called after each tile.
        memory: knows tiles of the pictures before; what repeats is not enlarged again.

    Returns:
        Bands clipped to [0, 1] in the numbers of `dtype`, of at most `PIECE_BYTES` or one row.

    Raises:
        NonFiniteError, FailedError: a tile could not be enlarged; it is named.
    """
    scale = predictor.facts.scale
    window = Window(bands)
    # Nothing to do at a time, and a thread takes as long as a small picture; or others predict at the same time, and
    # what this one has just made is still in the processor's cache.
    if len(plan) == 1 or most_threads() is not None:
        for rows in plan.rows:
            held = window.cut(rows.input_start, min(rows.input_stop, plan.height))
            pieces = _pieces((rows.stop - rows.start) * scale, plan.width * scale, held.shape[2], dtype)
            for columns in plan.columns:
                _placing(predictor, held, Tile(rows, columns), clear, pieces, memory)()
                done()
            while pieces:
                yield pieces.pop(0)
        return
    # While a tile is predicted, the one before it is checked, rounded and put in its place: the last of a row while
    # the first of the next is predicted, for which no memory is used before the row above has been given away.
    above: list[NDArray[Any]] = []
    with ThreadPoolExecutor(1, "upres-tile") as hand:
        placed: Future[None] = hand.submit(lambda: None)
        for rows in plan.rows:
            held = window.cut(rows.input_start, min(rows.input_stop, plan.height))
            pieces = _pieces((rows.stop - rows.start) * scale, plan.width * scale, held.shape[2], dtype)
            for columns in plan.columns:
                tile = Tile(rows, columns)
                place = _placing(predictor, held, tile, clear, pieces, memory)
                placed.result()
                while above:
                    yield above.pop(0)
                placed = hand.submit(place)
                done()
            above = pieces
        placed.result()
        while above:
            yield above.pop(0)


def _placing(
    predictor: Predictor,
    held: NDArray[Any],
    tile: Tile,
    clear: bool,
    pieces: list[NDArray[Any]],
    memory: PictureTiles | None,
) -> Callable[[], None]:
    """Enlarge a tile, and return what puts it in its place."""
    if memory is None:
        return partial(_place, _enlarged(predictor, held, tile, clear), predictor, tile, pieces)
    rows, columns = tile.rows, tile.columns
    box = held[:, columns.input_start : columns.input_stop]
    inside = [
        (each.start - each.input_start, each.stop - each.input_start, each.input_length) for each in (rows, columns)
    ]
    key = memory.key(box, inside, clear, predictor.facts.name, predictor.facts.scale, str(pieces[0].dtype))
    levels = memory.known(key)
    if levels is not None:
        return partial(_repeat, levels, predictor.facts.scale, columns, pieces)
    sr = _enlarged(predictor, held, tile, clear)
    if key is None:
        return partial(_place, sr, predictor, tile, pieces)

    def place() -> None:
        _place(sr, predictor, tile, pieces)
        scale = predictor.facts.scale
        across = slice(columns.start * scale, columns.stop * scale)
        memory.keep(key, np.concatenate([piece[:, across] for piece in pieces]))

    return place


def _repeat(levels: NDArray[Any], scale: int, columns: Extent, pieces: list[NDArray[Any]]) -> None:
    top = 0
    for piece in pieces:
        piece[:, columns.start * scale : columns.stop * scale] = levels[top : top + len(piece)]
        top += len(piece)


def _place(sr: NDArray[np.float32], predictor: Predictor, tile: Tile, pieces: list[NDArray[Any]]) -> None:
    _check_finite(sr, predictor, tile)
    scale = predictor.facts.scale
    core = sr[_core(tile.rows, scale), _core(tile.columns, scale)]
    columns = slice(tile.columns.start * scale, tile.columns.stop * scale)
    top = 0
    for piece in pieces:
        for start in range(0, len(piece), _CACHED_ROWS):
            rows = piece[start : start + _CACHED_ROWS, columns]
            _put(core[top : top + len(rows)], rows)
            top += len(rows)


def _put(values: NDArray[np.float32], rows: NDArray[Any]) -> None:
    """Write finite values, clipped, in the numbers of `rows`, as `quantised` has them."""
    white = peak(rows.dtype)
    if white == 1:
        np.clip(values, 0, 1, out=rows)
        return
    unit = values + _TIE
    levels = rounded(np.clip(unit, 0, 1, out=unit), white).astype(rows.dtype)
    for channel in range(levels.shape[2]):  # a network's channels are planes, a picture's stand side by side
        rows[..., channel] = levels[..., channel]


def blended(
    bands: Iterable[NDArray[Any]],
    plan: Plan,
    predictor: Predictor,
    dtype: DTypeLike,
    *,
    clear: bool,
    done: Callable[[], None],
) -> Bands:
    """Enlarge by tiles that do not see all they need: where their inputs overlap, one fades into the next.

    As `exact` otherwise.
    """
    scale = predictor.facts.scale
    window = Window(bands)
    total: NDArray[np.float32] = np.zeros((0, 0, 1), np.float32)
    weights = total
    for index, rows in enumerate(plan.rows):
        stop = min(rows.input_stop, plan.height)
        held = window.cut(rows.input_start, stop)
        length, width = (stop - rows.input_start) * scale, plan.width * scale
        fresh = np.zeros((length, width, held.shape[2]), np.float32), np.zeros((length, width, 1), np.float32)
        for ours, carried in zip(fresh, (total, weights), strict=True):
            if len(carried):
                ours[: len(carried)] = carried
        total, weights = fresh
        for columns in plan.columns:
            right = min(columns.input_stop, plan.width)
            across = slice(columns.input_start * scale, right * scale)
            tile = Tile(rows, columns)
            sr = _enlarged(predictor, held, tile, clear)[:length, : across.stop - across.start]
            _check_finite(sr, predictor, tile)
            fade = np.outer(
                _fade(rows.input_start, stop, plan.height, rows, scale),
                _fade(columns.input_start, right, plan.width, columns, scale),
            )[..., None]
            total[:, across] += fade * sr
            weights[:, across] += fade
            done()
        last = index == len(plan.rows) - 1
        ready = length if last else (plan.rows[index + 1].input_start - rows.input_start) * scale
        yield quantised(total[:ready] / weights[:ready], dtype)
        total, weights = total[ready:], weights[ready:]


def _pieces(height: int, width: int, channels: int, dtype: DTypeLike) -> list[NDArray[Any]]:
    """Return the arrays that a row of tiles fills: several, so that each is let go when it has been written."""
    rows = max(1, PIECE_BYTES // (width * channels * np.dtype(dtype).itemsize))
    return [mapped((min(rows, height - top), width, channels), dtype) for top in range(0, height, rows)]


def _fade(start: int, stop: int, length: int, span: Extent, scale: int) -> NDArray[np.float32]:
    """Return weights that rise from a box's first pixel to twice as far as its core, and fall likewise."""
    at = (np.arange((stop - start) * scale) + 0.5) / scale
    rise = 2 * (span.start - start) or 1
    fall = 2 * (stop - span.stop) or 1
    up = at / rise if start > 0 else np.ones_like(at)
    down = (stop - start - at) / fall if stop < length else np.ones_like(at)
    return np.minimum(1, np.minimum(up, down)).astype(np.float32)


def quantised(values: NDArray[np.float32], dtype: DTypeLike) -> NDArray[Any]:
    """Return values clipped to [0, 1] in the numbers of `dtype`."""
    return from_unit(values if np.dtype(dtype).kind == "f" else values + _TIE, dtype)


def _enlarged(predictor: Predictor, rows: NDArray[Any], tile: Tile, clear: bool) -> NDArray[np.float32]:
    lr = _cut(rows, tile)
    try:
        if lr.shape[2] in (1, 3):
            sr = enlarge(predictor, lr)
        else:
            colours, alpha = lr[..., :-1], lr[..., -1]
            sr_colours = enlarge_under_alpha(predictor, colours, alpha) if clear else enlarge(predictor, colours)
            sr = np.concatenate([sr_colours, enlarge_alpha(predictor, alpha)[..., None]], axis=2)
    except FailedError as error:
        raise type(error)(f"{error}; this was the tile at {tile}, and nothing was written") from error
    return sr


def _check_finite(sr: NDArray[np.float32], predictor: Predictor, tile: Tile) -> None:
    with np.errstate(all="ignore"):
        # Not finite when a term is not; where the terms are only large, doubles can tell.
        finite = np.isfinite(sr.sum()) or np.isfinite(sr.sum(dtype=np.float64))
    if not finite:
        raise NonFiniteError(
            f"model {predictor.facts.name}: NaN or infinite pixels in the tile at {tile}; "
            "nothing was written; use another model"
        )


def _cut(held: NDArray[Any], tile: Tile) -> NDArray[np.float32]:
    """Return a tile's input as floats; where it reaches beyond the picture, the edge is repeated."""
    rows, columns = tile.rows, tile.columns
    box = to_unit(held[:, columns.input_start : columns.input_stop])
    missing = rows.input_length - box.shape[0], columns.input_length - box.shape[1]
    if any(missing):
        box = np.pad(box, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    return box


def _core(span: Extent, scale: int) -> slice:
    return slice((span.start - span.input_start) * scale, (span.stop - span.input_start) * scale)
