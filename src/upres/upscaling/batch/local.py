"""Pictures enlarged while others are read and written.

While one picture is predicted, the next is decoded and the one before rounded and coded, each in threads of its own:
a prediction begins as soon as the one before it has ended. What is there already is passed over, so running again
finishes what was interrupted.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from upres.errors import PictureError, UpresError
from upres.image.background import Colour
from upres.image.bands import CLEAR, BandReader, write_bands
from upres.image.files import MAX_PIXELS
from upres.image.prefetch import Ahead
from upres.storage.atomic import clear_unfinished
from upres.upscaling.batch.jobs import Job, make_folder
from upres.upscaling.loading import Upscalers
from upres.upscaling.upscaler import Upscaler, without_alpha

_BANDS_WAITING = 2


@dataclass(frozen=True)
class Settings:
    """How files are read and written; as in `Upscaler.file`, and what is done where an output exists.

    Attributes:
        background: the colour on which transparent pictures are laid, or `None`.
        overwrite: replace it.
        skip_existing: pass it over; `None` for what was found in folders only. Else it is an error.
    """

    quality: int = 95
    lossless: bool = False
    max_pixels: int = MAX_PIXELS
    background: Colour | None = None
    overwrite: bool = False
    skip_existing: bool | None = None

    def skips(self, job: Job) -> bool:
        """Return whether a job is done already."""
        allowed = job.found if self.skip_existing is None else self.skip_existing
        return allowed and not self.overwrite and job.target.exists()


@dataclass(frozen=True)
class Outcome:
    """What became of a job; also a line of the manifest.

    Attributes:
        job: the job.
        input, output: width and height, where they are known.
        model, scale: what enlarged it.
        tiles: how many predictions that took, of one page.
        pages: how many pages or frames the file has.
        changes: what reading did to the colours, in words.
        seconds: from opening to the last byte.
        skipped: whether the output was there already.
        error: why there is none.
        worst_difference: how far its tiles may be from the whole, as `Upscaler.worst_difference` measures.
        warnings: what was odd about the file, in words.
    """

    job: Job
    input: tuple[int, int] | None = None
    output: tuple[int, int] | None = None
    model: str | None = None
    scale: float | None = None
    tiles: int = 0
    pages: int = 1
    changes: tuple[str, ...] = ()
    seconds: float = 0.0
    skipped: bool = False
    error: UpresError | None = None
    worst_difference: float = 0.0
    warnings: tuple[str, ...] = ()

    def line(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        return {
            "input": str(self.job.source),
            "output": str(self.job.target),
            "input_size": self.input,
            "output_size": self.output,
            "model": self.model,
            "scale": self.scale,
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "worst_difference": self.worst_difference,
            "warnings": list(self.warnings),
            "error": None if self.error is None else str(self.error),
        }


Progress = Callable[[Job, float, float], object]
"""Called with the job, the share of it that is predicted, and how many megapixels of output that makes."""


def run(
    jobs: Sequence[Job], upscalers: Upscalers, settings: Settings, *, progress: Progress | None = None
) -> Iterator[Outcome]:
    """Do the jobs, and yield what became of each, in their order.

    What is wrong with one picture is in its outcome and does not stop the others. Leaving the iterator early
    stops the work and leaves no half file.
    """
    for folder in dict.fromkeys(job.target.parent for job in jobs):
        clear_unfinished(folder)
    pending: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(2, "upres-write") as coders, Ahead(_opened(jobs, settings), 1) as opened:
        for begun in opened:
            pending.append(_enlarged(begun, upscalers, settings, coders, progress))
            while len(pending) > 1:
                yield pending.popleft().result()
        for future in pending:
            yield future.result()


@dataclass(frozen=True)
class _Begun:
    """A picture whose decoding has begun, or what there is to say instead."""

    job: Job
    began: float
    reader: BandReader | None = None
    bands: Ahead[Any] | None = None
    outcome: Outcome | None = None


def _opened(jobs: Iterable[Job], settings: Settings) -> Iterator[_Begun]:
    for job in jobs:
        began = time.perf_counter()
        try:
            if settings.skips(job):
                yield _Begun(job, began, outcome=Outcome(job, skipped=True))
                continue
            if job.target.exists() and not settings.overwrite:
                raise PictureError(f"{job.target}: exists already; give --overwrite to replace it, or another --output")
            reader = BandReader(job.source, max_pixels=settings.max_pixels, background=settings.background)
            reader.alpha  # noqa: B018  looked at here, ahead of the prediction
        except UpresError as error:
            yield _Begun(job, began, outcome=Outcome(job, error=error))
            continue
        bands = Ahead(reader.bands(), _BANDS_WAITING)
        try:
            yield _Begun(job, began, reader, bands)
        except GeneratorExit:
            bands.close()
            raise


def _enlarged(
    begun: _Begun, upscalers: Upscalers, settings: Settings, coders: ThreadPoolExecutor, progress: Progress | None
) -> Future[Outcome]:
    """Predict a picture, and return what its coding will come to."""
    if begun.reader is None or begun.bands is None:
        assert begun.outcome is not None
        return _ready(begun.outcome)
    with begun.bands as ahead:
        outcome = Outcome(begun.job, input=(begun.reader.shape.width, begun.reader.shape.height))
        try:
            form = begun.reader.header.format
            upscaler = upscalers.for_picture(*begun.reader.shape.size, form)
            outcome = _described(outcome, upscaler, begun.reader)
            if upscalers.model_for(form) != upscalers.model_for(None):
                reason = f"model {upscalers.model_for(form)}, because the file is {form}"
                outcome = dataclasses.replace(outcome, changes=(reason, *outcome.changes))
            if begun.job.root is not None:
                make_folder(begun.job.target.parent)
            return _coded(begun, ahead, outcome, upscaler, settings, coders, progress)
        except UpresError as error:
            return _ready(dataclasses.replace(outcome, output=None, error=error, seconds=_since(begun)))


def _coded(
    begun: _Begun,
    ahead: Iterable[Any],
    outcome: Outcome,
    upscaler: Upscaler,
    settings: Settings,
    coders: ThreadPoolExecutor,
    progress: Progress | None,
) -> Future[Outcome]:
    reader, job = begun.reader, begun.job
    assert reader is not None
    width, height = outcome.output or (0, 0)
    megapixels = width * height * outcome.pages / 1e6
    tell = None
    if progress is not None:
        tell = lambda done, total: progress(job, done / total, megapixels * done / total)  # noqa: E731
    if reader.header.pages > 1:
        upscaler.file(
            reader,
            job.target,
            quality=settings.quality,
            lossless=settings.lossless,
            max_pixels=settings.max_pixels,
            progress=tell,
        )
        return _ready(dataclasses.replace(outcome, seconds=_since(begun)))
    shape, drops_alpha = upscaler.check_file(reader, job.target, lossless=settings.lossless)
    predicted, stopped = threading.Event(), threading.Event()

    def told(done: int, total: int) -> None:
        if stopped.is_set():
            raise _StoppedError
        if tell is not None:
            tell(done, total)
        if done == total:
            predicted.set()

    def code() -> Outcome:
        try:
            made = upscaler.bands(ahead, reader.shape, clear=reader.alpha == CLEAR, progress=told)
            with Ahead(made, _BANDS_WAITING) as waiting:
                write_bands(
                    without_alpha(waiting) if drops_alpha else waiting,
                    job.target,
                    shape,
                    upscaler.tags(reader.tags),
                    span=reader.span,
                    quality=settings.quality,
                    lossless=settings.lossless,
                )
            return dataclasses.replace(outcome, seconds=_since(begun), warnings=tuple(reader.warnings))
        except UpresError as error:
            return dataclasses.replace(outcome, output=None, error=error, seconds=_since(begun))
        finally:
            predicted.set()

    try:  # from here on: Ctrl-C may come while the coder starts
        future = coders.submit(code)
        predicted.wait()
    except BaseException:
        stopped.set()
        raise
    return future


class _StoppedError(Exception):
    """The work was interrupted."""


def _described(outcome: Outcome, upscaler: Upscaler, reader: BandReader) -> Outcome:
    height, width = upscaler.size(*reader.shape.size)
    return dataclasses.replace(
        outcome,
        output=(width, height),
        model=upscaler.predictors[0].facts.name if upscaler.predictors else "reduction",
        scale=upscaler.scale,
        tiles=upscaler.tiles(*reader.shape.size, clear=reader.alpha == CLEAR),
        worst_difference=upscaler.worst_difference,
        pages=reader.header.pages,
        changes=reader.header.changes,
    )


def _ready(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def _since(begun: _Begun) -> float:
    return time.perf_counter() - begun.began
