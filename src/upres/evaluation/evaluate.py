"""Measure models on a test set: every number with its protocol, every picture with its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from upres.config import build, parse_line, parse_part
from upres.errors import ConfigError, DataError
from upres.evaluation.statistics import Evaluation, PictureScores
from upres.evaluation.test_sets import TestPicture, TestSet
from upres.metrics import METRICS, Metric, Protocol, measure_with, standard_metrics
from upres.models.asked import asked
from upres.predictors import Predictor
from upres.predictors.probing import open_probed_cached
from upres.upscaling.upscaler import Upscaler

OnPicture = Callable[[TestPicture, Sequence[NDArray[Any]], Sequence[PictureScores]], None]
"""Called with each picture, what each model made of it, and how that was measured."""


@dataclass(frozen=True)
class Entrant:
    """A model that is measured."""

    name: str
    parameters: int
    upscaler: Upscaler


def entrant(name: str, predictor: Predictor) -> Entrant:
    """Return a predictor as a model that is measured, under a name of the caller's."""
    return Entrant(name, predictor.facts.parameters, Upscaler(predictor))


def open_entrants(models: Iterable[str | Path], scale: int) -> list[Entrant]:
    """Open models by name or path, each once; `base?detail=0.5` names a place between its corners, by default 0.

    Raises:
        ModelError, MissingExtraError: as `open_probed_cached`; a model of another scale among them.
    """
    named = {model: asked(model) for model in dict.fromkeys(models)}
    return [
        entrant(str(model), open_probed_cached(name, scale, position=place.position))
        for model, (name, place) in named.items()
    ]


def metrics_with(features: str | None = None, more: Iterable[str] = ()) -> dict[str, Metric]:
    """Return the metrics that need no options, and those that are asked for.

    Args:
        features: `vgg19`, or a file of it, for the distance of its features; `None` leaves that metric out.
        more: names of others, each with its options behind a question mark: `lpips?backbone=alexnet`.

    Raises:
        ConfigError, ModelError, MissingExtraError: there is none of a name, or what it needs cannot be had.
    """
    found = standard_metrics()
    parts = [parse_line(METRICS, text, where="metrics") for text in more]
    if features is not None:
        parts.insert(0, parse_part(METRICS, {"name": "vgg", "features": features}, where="metrics", key="vgg"))
    for part in parts:
        if part.name in found:
            raise ConfigError(f"the metric {part.name} is measured already; name it once")
        found[part.name] = build(METRICS, part)
    return found


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
        DataError: a picture is too small to measure, or unfit.
    """
    protocol = test_set.protocol if protocol is None else protocol
    metrics = standard_metrics() if metrics is None else metrics
    scores: dict[str, list[PictureScores]] = {one.name: [] for one in entrants}
    total, done = test_set.count * len(entrants), 0
    for picture in test_set.pictures():
        height, width = picture.lr.shape[:2]
        enlarged = []
        for one in entrants:
            start = time.perf_counter()
            sr = one.upscaler(picture.lr)
            seconds = time.perf_counter() - start
            try:
                values = measure_with(metrics, sr, picture.hr, protocol)
            except DataError as error:
                raise DataError(f"{picture.name}: {error}") from error
            scores[one.name].append(PictureScores(one.name, picture.name, width, height, seconds, values))
            enlarged.append(sr)
            done += 1
            if progress is not None:
                progress(done, total)
        if on_picture is not None:
            on_picture(picture, enlarged, [scores[one.name][-1] for one in entrants])
    return Evaluation(
        test_set=test_set,
        protocol=protocol,
        metrics=metrics,
        parameters={one.name: one.parameters for one in entrants},
        scores=[score for one in entrants for score in scores[one.name]],
    )
