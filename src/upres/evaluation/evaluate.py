"""Measure models on a test set: every number with its protocol, every picture with its own."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config import NamedPart, build, parse_line, parse_part
from upres.errors import ConfigError, DataError, DataFaultsError
from upres.evaluation.batches import Known, TogetherPredictor, batch_size
from upres.evaluation.faults import Faults
from upres.evaluation.statistics import Evaluation, PictureScores
from upres.evaluation.test_sets import TestPicture, TestSet
from upres.image.prefetch import Prefetch
from upres.metrics import METRICS, Metric, Protocol, measure_several, measure_with, standard_metrics
from upres.models.asked import asked
from upres.models.corners import Position
from upres.models.shipped import scales
from upres.predictors import Predictor, open_chain
from upres.predictors.opening import is_bicubic, is_path
from upres.predictors.probing import open_probed_cached
from upres.predictors.threads import predict_on_one_thread
from upres.upscaling.upscaler import Upscaler

_CORES = os.cpu_count() or 1
# So many unfit pictures are told; then the rest is not waited for.
_FAULTS = 20

OnPicture = Callable[[TestPicture, Sequence[NDArray[Any]], Sequence[PictureScores]], None]
"""Called with each picture, what each model made of it, and how that was measured."""


_Predicted = tuple[list[TestPicture], list[tuple[Known, float]]]
# Pictures, and of each model what it made of those that it is shown together, with the seconds that took.


@dataclass(frozen=True)
class Entrant:
    """A model that is measured.

    Attributes:
        name: in tables.
        parameters: how many it has.
        upscaler: what enlarges by it.
        together: the predictor below that, which may be shown small pictures before.
    """

    name: str
    parameters: int
    upscaler: Upscaler
    together: TogetherPredictor


def entrant(name: str, predictor: Predictor) -> Entrant:
    """Return a predictor as a model that is measured, under a name of the caller's."""
    together = TogetherPredictor(predictor)
    return Entrant(name, predictor.facts.parameters, Upscaler(together), together)


def _chained(name: str, chain: Sequence[Predictor], scale: int) -> Entrant:
    first, *rest = chain
    together = TogetherPredictor(first)
    parameters = sum(predictor.facts.parameters for predictor in dict.fromkeys(chain))
    return Entrant(name, parameters, Upscaler([together, *rest], scale=scale), together)


def open_entrants(models: Iterable[str | Path], scale: int) -> list[Entrant]:
    """Open models by name or path, each once; `base?detail=0.5` names a place between its corners, by default 0.

    A shipped model that has no weights of a scale enlarges as `upres` does with it: ×8 by two steps, ×3 by ×4 reduced.

    Raises:
        ModelError, MissingExtraError: as `open_probed_cached`; a file of another scale among them. Of several models
            all faults are told.
    """
    faults, opened = Faults(), []

    def step(model: str | Path, its_scale: int | None, position: Position) -> Predictor:
        return open_probed_cached(model, its_scale, position=position)

    def opens(model: str | Path) -> Entrant:
        name, place = asked(model)
        if not (is_bicubic(name) or is_path(name)) and scale > 1 and scale not in scales(str(name)):
            return _chained(str(model), open_chain(name, scale, open_step=step, position=place.position), scale)
        return entrant(str(model), open_probed_cached(name, scale, position=place.position))

    for model in dict.fromkeys(models):
        found = faults.of(functools.partial(opens, model))
        opened += [] if found is None else [found]
    faults.raised()
    return opened


def metrics_with(features: str | None = None, more: Iterable[str] = ()) -> dict[str, Metric]:
    """Return the metrics that need no options, and those that are asked for.

    Args:
        features: `vgg19`, or a file of it, for the distance of its features; `None` leaves that metric out.
        more: names of others, each with its options behind a question mark: `lpips?backbone=alexnet`.

    Raises:
        ConfigError, ModelError, MissingExtraError: there is none of a name, or what it needs cannot be had.
    """
    found, faults = standard_metrics(), Faults()
    lines: list[Callable[[], NamedPart]] = [
        functools.partial(parse_line, METRICS, text, where="metrics") for text in more
    ]
    if features is not None:
        given = {"name": "vgg", "features": features}
        lines.insert(0, lambda: parse_part(METRICS, given, where="metrics", key="vgg"))
    for line in lines:
        part = faults.of(line)
        if part is None:
            continue
        if part.name in found:
            faults.of(functools.partial(_refuse_twice, part.name))
            continue
        built = faults.of(functools.partial(build, METRICS, part))
        if built is not None:
            found[part.name] = built
    faults.raised()
    return found


def _refuse_twice(name: str) -> None:
    raise ConfigError(f"the metric {name} is measured already; name it once")


def evaluate(
    entrants: Sequence[Entrant],
    test_set: TestSet,
    *,
    protocol: Protocol | None = None,
    metrics: Mapping[str, Metric] | None = None,
    on_picture: OnPicture | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Decode every picture once, enlarge it once with every model, and measure the 8-bit results.

    Args:
        entrants: models of the set's scale.
        test_set: pictures.
        protocol: how pictures are compared; by default the set's own.
        metrics: by name; by default all that need no options.
        on_picture: called with each picture and what came of it, as for drawings.
        progress: called with model-picture pairs done and in all.

    Raises:
        DataError: a picture is too small to measure, or unfit; of several, all are told.
    """
    protocol = test_set.protocol if protocol is None else protocol
    metrics = standard_metrics() if metrics is None else metrics
    scores: dict[str, list[PictureScores]] = {one.name: [] for one in entrants}
    total, done = test_set.count * len(entrants), 0
    faults: dict[str, str] = {}
    with contextlib.closing(_predicted(_batches(test_set.pictures()), entrants)) as batches:
        for pictures, predicted in batches:
            enlarged: dict[str, list[NDArray[Any]]] = {}
            for one, (known, before) in zip(entrants, predicted, strict=True):
                enlarged[one.name], seconds = _enlarged(one, pictures, known)
                seconds = (seconds + before) / len(pictures)
                measured = _measured(metrics, enlarged[one.name], pictures, protocol, faults)
                for picture, values in zip(pictures, measured, strict=True):
                    height, width = picture.hr.shape[:2]
                    scores[one.name].append(PictureScores(one.name, picture.name, width, height, seconds, values))
                done += len(pictures)
                if progress is not None:
                    progress(done, total)
            if len(faults) >= _FAULTS:
                break
            for number, picture in enumerate(pictures):
                if on_picture is not None and not faults:
                    row = number - len(pictures)
                    on_picture(
                        picture,
                        [enlarged[one.name][number] for one in entrants],
                        [scores[one.name][row] for one in entrants],
                    )
    if len(faults) == 1:
        raise DataError(next(iter(faults.values())))
    if faults:
        raise DataFaultsError(list(faults.values()))
    return Evaluation(
        test_set=test_set,
        protocol=protocol,
        metrics=metrics,
        parameters={one.name: one.parameters for one in entrants},
        how={one.name: one.together.how for one in entrants},
        scores=[score for one in entrants for score in scores[one.name]],
    )


def _batches(pictures: Iterable[TestPicture]) -> Iterator[list[TestPicture]]:
    """Yield pictures that follow each other and are of one size, as many as are predicted together."""
    batch: list[TestPicture] = []
    for picture in pictures:
        if batch and (picture.lr.shape != batch[0].lr.shape or len(batch) >= batch_size(*batch[0].lr.shape[:2])):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch


def _predicted(batches: Iterable[list[TestPicture]], entrants: Sequence[Entrant]) -> Generator[_Predicted, None, None]:
    """Yield batches; those of several pictures predicted side by side, ahead of what was yielded.

    Not single pictures: they are large, and what each takes should not depend on another.
    """
    for several, group in itertools.groupby(batches, key=lambda pictures: len(pictures) > 1):
        if several:
            yield from _side_by_side(group, entrants)
        else:
            nothing: Known = {}
            yield from ((pictures, [(nothing, 0.0)] * len(entrants)) for pictures in group)


def _side_by_side(
    batches: Iterable[list[TestPicture]], entrants: Sequence[Entrant]
) -> Generator[_Predicted, None, None]:
    """Yield batches in their order, as many ahead as there are cores and two at least, each predicted on one core."""
    pool = ThreadPoolExecutor(_CORES, "upres-predict", initializer=predict_on_one_thread)
    waiting: deque[tuple[list[TestPicture], Future[list[tuple[Known, float]]]]] = deque()
    with contextlib.ExitStack() as stack:
        stack.callback(pool.shutdown, cancel_futures=True)
        ahead = stack.enter_context(Prefetch(batches, 1))
        for pictures in ahead:
            waiting.append((pictures, pool.submit(_together, pictures, entrants)))
            if len(waiting) > max(_CORES, 2):
                first, predicted = waiting.popleft()
                yield first, predicted.result()
        for first, predicted in waiting:
            yield first, predicted.result()


def _together(pictures: Sequence[TestPicture], entrants: Sequence[Entrant]) -> list[tuple[Known, float]]:
    predicted: list[tuple[Known, float]] = []
    for one in entrants:
        start = time.perf_counter()
        known = one.together.together([picture.lr for picture in pictures])
        predicted.append((known, (time.perf_counter() - start) / _CORES))  # as so many are at it
    return predicted


def _enlarged(one: Entrant, pictures: Sequence[TestPicture], known: Known) -> tuple[list[NDArray[Any]], float]:
    """Enlarge pictures by a model that knows what it makes of some of them; return them and the seconds of all."""
    start = time.perf_counter()
    one.together.take(known)
    made = [one.upscaler(picture.lr) for picture in pictures]
    return made, time.perf_counter() - start


def _measured(
    metrics: Mapping[str, Metric],
    enlarged: Sequence[NDArray[Any]],
    pictures: Sequence[TestPicture],
    protocol: Protocol,
    faults: dict[str, str],
) -> list[dict[str, float]]:
    """Measure pictures of one size together; where that fails, one by one, and note what is wrong with which."""
    if len({(picture.hr.shape, sr.shape) for picture, sr in zip(pictures, enlarged, strict=True)}) == 1:
        try:
            found = measure_several(metrics, np.stack(enlarged), np.stack([each.hr for each in pictures]), protocol)
        except DataError:
            pass
        else:
            return [{name: values[number] for name, values in found.items()} for number in range(len(pictures))]
    measured = []
    for picture, sr in zip(pictures, enlarged, strict=True):
        try:
            measured.append(measure_with(metrics, sr, picture.hr, protocol))
        except DataError as error:
            faults[picture.name] = f"{picture.name}: {error}"
            measured.append({})
    return measured
