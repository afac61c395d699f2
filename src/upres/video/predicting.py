"""Pictures of a film enlarged side by side, each turned into what the encoder takes by the thread that made it.

Predictions whose threads wait for each other at every layer leave cores idle whenever the encoder has one of them.
Pictures wait for nothing but their own decoding: so each thread predicts one of its own.
"""

from __future__ import annotations

import contextlib
import copy
import os
import queue
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from upres.image.bands import Shape
from upres.image.picture import Picture
from upres.image.prefetch import LONGEST_WAIT
from upres.predictors.threads import predict_on_one_thread
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.loading import Upscalers
from upres.upscaling.memory import PROCESS_BYTES
from upres.upscaling.pages import same
from upres.upscaling.tile_memory import TileMemory
from upres.video.decoding import Decoded
from upres.video.opening import Film

MOST = 8
"""Pictures at once: more would gain little, and hold more memory."""

# Runtimes whose numbers are the same whatever their threads (tests/test_video_pace.py), as `Predictor.how` begins; the
# empty one is NumPy's.
_SAME_NUMBERS = ("", "onnx cpu", "openvino cpu")
# Pictures that are done and wait for the encoder; those that repeat share one.
_WAITING, _REPEATED = 2, 16
# Of an output, as R, G, B: the picture, its bands, and what the encoder takes.
_HELD = 2


@dataclass(frozen=True)
class Timed:
    """When a picture is shown, and for how long, in units of the film's time base, and its captions."""

    time: int
    duration: int
    captions: VideoFrame | None = None


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def enlargements_for(upscalers: Upscalers, film: Film) -> tuple[Enlargement, ...]:
    """Return what enlarges a film's pictures: several that are the same, for one picture each, where that gains.

    Args:
        upscalers: the model, for a size.
        film: as it was opened.

    Raises:
        ModelError, ConfigError, MissingExtraError: as `upres.load`.
    """
    deep = film.bits > 8
    alone = upscalers.for_picture(film.height, film.width, deep=deep).enlargement
    threads = upscalers.threads or cores()
    at_once = min(threads, MOST, _fitting(alone, film))
    if at_once < 2 or not all(_side_by_side(predictor.how) for predictor in alone.predictors):
        return (alone,)
    if not any(predictor.how for predictor in alone.predictors):
        return (alone,) * at_once
    other = upscalers.beside(threads // at_once)
    beside = other.for_picture(film.height, film.width, deep=deep).enlargement
    return beside, *(_reopened(beside) for _ in range(at_once - 1))


def _side_by_side(how: str) -> bool:
    return not how or how.startswith(_SAME_NUMBERS[1:])


def _fitting(enlargement: Enlargement, film: Film) -> int:
    """Return how many pictures at once stay below the memory that is allowed."""
    dtype = np.uint16 if film.bits > 8 else np.uint8
    shape = Shape(film.height, film.width, 4 if film.alpha else 3, str(np.dtype(dtype)))
    height, width = enlargement.size(film.height, film.width)
    output = height * width * shape.channels * np.dtype(dtype).itemsize
    return (enlargement.max_memory - PROCESS_BYTES) // (enlargement.needed_bytes(shape) + _HELD * output)


def _reopened(enlargement: Enlargement) -> Enlargement:
    """Return another that opens its models anew, as these were."""
    return Enlargement(
        copy.deepcopy(enlargement.predictors),
        scale=enlargement.scale,
        tile=enlargement.tile,
        halo=enlargement.halo,
        max_memory=enlargement.max_memory,
    )


def tiled(enlargements: Iterable[Enlargement], tile: int | None) -> tuple[Enlargement, ...]:
    """Return the same with another side of tiles."""
    return tuple(
        Enlargement(each.predictors, scale=each.scale, tile=tile, halo=each.halo, max_memory=each.max_memory)
        for each in enlargements
    )


def predicted(
    enlargements: tuple[Enlargement, ...],
    pictures: Iterable[Decoded],
    memory: TileMemory,
    converter: Callable[[], Callable[[Picture], Any]],
) -> Generator[tuple[Timed, Any], None, None]:
    """Yield when each picture is shown, with what became of it; of one that repeats the one before, the same object.

    Args:
        enlargements: what enlarges them, each a picture at a time.
        pictures: in order.
        memory: knows the tiles of the pictures before.
        converter: makes what turns an enlarged picture into what is yielded, once for each enlargement.

    Raises:
        NonFiniteError, FailedError: a tile could not be enlarged; what comes before its picture was yielded.
    """
    idle: queue.SimpleQueue[tuple[Enlargement, Callable[[Picture], Any]]] = queue.SimpleQueue()
    for enlargement in enlargements:
        idle.put((enlargement, converter()))

    def made(picture: Picture) -> Any:
        hand = idle.get()
        enlargement, convert = hand
        try:
            with memory.next_picture() as tiles:  # now, as what is forgotten by then is what no picture had
                return convert(enlargement.picture(picture, repeats=tiles))
        finally:
            idle.put(hand)

    at_once = len(enlargements)
    pending: deque[tuple[Timed, Future[Any]]] = deque()
    before: tuple[Picture, Future[Any]] | None = None
    under_way = 0

    def first() -> tuple[Timed, Any]:
        nonlocal under_way
        timed, future = pending.popleft()
        under_way -= not pending or pending[0][1] is not future
        while not wait((future,), LONGEST_WAIT).done:
            pass
        return timed, future.result()

    name, beside = "upres-film", predict_on_one_thread if at_once > 1 else None
    with ThreadPoolExecutor(at_once, name, beside) as pool, contextlib.ExitStack() as left:
        left.callback(lambda: [future.cancel() for _, future in pending])
        for each in pictures:
            if before is None or not same(before[0], each.picture):
                before = each.picture, pool.submit(made, each.picture)
            under_way += not pending or pending[-1][1] is not before[1]
            pending.append((Timed(each.time, each.duration, each.captions), before[1]))
            while under_way > at_once + _WAITING or len(pending) > _REPEATED:
                yield first()
        while pending:
            yield first()
