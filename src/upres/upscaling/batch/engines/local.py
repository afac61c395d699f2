"""Pictures enlarged on this machine while others are read and written.

While one picture is predicted, the next is decoded and the one before rounded and coded, each in threads of its own:
a prediction begins as soon as the one before it has ended. What is there already is passed over, so running again
finishes what was interrupted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from upres.errors import CancelledError, as_upres_error
from upres.image.opening import OpenedPicture
from upres.image.prefetch import LONGEST_WAIT, Prefetch
from upres.storage.atomic import clear_unfinished
from upres.storage.digests import digest_of
from upres.upscaling.batch.engines.stopping import first_ended
from upres.upscaling.batch.jobs import BatchSettings, Job, JobProgress, Outcome, make_folder
from upres.upscaling.choosing import Chosen
from upres.upscaling.loading import Upscalers
from upres.upscaling.pipeline import Summary, enlarge, held_of, summary

# Sources that may be open at once: one is predicted, the next waits, one more is being opened.
_OPEN = 3
# A picture of which coders hold more than this part of the memory allowed waits for the one before to be written.
_SHARES = 4


def run(
    jobs: Iterable[Job], upscalers: Upscalers, settings: BatchSettings, *, progress: JobProgress | None = None
) -> Generator[Outcome, None, None]:
    """Do the jobs, taken as they are needed, and yield what became of each, in their order.

    Whatever is wrong with one picture is in its outcome and does not stop the others. Leaving the iterator early
    stops the work and leaves no half file. What is thrown into it, or interrupts it, does too: then it yields what
    was written by then, before it raises that.
    """
    pending: deque[Future[Outcome]] = deque()
    cancel = threading.Event()
    alone = threading.Lock()
    sources: deque[OpenedPicture] = deque(maxlen=_OPEN)
    with (
        ThreadPoolExecutor(2, "upres-write") as coders,
        Prefetch(_opened(jobs, settings, sources), 1) as opened,
    ):
        try:
            for begun in opened:
                future, predicted = _enlarged(begun, upscalers, settings, coders, cancel, progress, alone)
                pending.append(future)
                while not predicted.wait(LONGEST_WAIT):
                    pass
                while len(pending) > 1:
                    yield first_ended(pending)
            while pending:
                yield first_ended(pending)
        except GeneratorExit:
            cancel.set()
            raise
        except BaseException:
            cancel.set()
            yield from _written(pending)
            raise
        finally:
            for source in sources:
                source.close()


def _written(pending: deque[Future[Outcome]]) -> Iterator[Outcome]:
    """Wait until the work that was under way has stopped, and yield what was complete by then."""
    for future in pending:
        with contextlib.suppress(CancelledError):
            yield future.result()


@dataclass(frozen=True)
class _Begun:
    """A job whose source has been opened and begins to be decoded, or what there is to say instead.

    Attributes:
        job: the job.
        opening: the seconds that took.
        source, outcome: one of the two.
    """

    job: Job
    opening: float
    source: OpenedPicture | None = None
    outcome: Outcome | None = None


def _opened(jobs: Iterable[Job], settings: BatchSettings, sources: deque[OpenedPicture]) -> Generator[_Begun]:
    cleared: set[Path] = set()
    for job in jobs:
        began = time.perf_counter()
        if job.target.parent not in cleared:
            cleared.add(job.target.parent)
            with contextlib.suppress(OSError):  # what is wrong with a folder is said of each picture in it
                clear_unfinished(job.target.parent)
        try:
            if job.error is not None:
                raise job.error
            if settings.skips(job):
                yield _Begun(job, 0.0, outcome=Outcome(job, skipped=True))
                continue
            settings.check(job)
            source = settings.files.opened(job.source)
            sources.append(source)
            if source.header.pages == 1:
                source.begin()
        except Exception as error:
            error = as_upres_error(error, job.source)
            yield _Begun(job, 0.0, outcome=Outcome(job, error=error, seconds=_since(began)))
            continue
        yield _Begun(job, _since(began), source)


def _enlarged(
    begun: _Begun,
    upscalers: Upscalers,
    settings: BatchSettings,
    coders: ThreadPoolExecutor,
    cancel: threading.Event,
    progress: JobProgress | None,
    alone: threading.Lock,
) -> tuple[Future[Outcome], threading.Event]:
    """Begin to predict a picture; return what its coding will come to, and what is set when it is predicted."""
    job, source = begun.job, begun.source
    if source is None:
        assert begun.outcome is not None
        return _ready(begun.outcome)
    try:
        chosen = upscalers.position_for(source)
        upscaler = upscalers.for_opened(source, chosen.position)
        told = _told(summary(source, upscaler.enlargement), chosen)
        if job.root is not None:
            make_folder(job.target.parent)
    except Exception as error:
        source.close()
        return _ready(Outcome(job, error=as_upres_error(error, job.source), seconds=begun.opening))
    predicted = threading.Event()

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(job, done / total, told.megapixels * done / total)
        if done == total:
            predicted.set()

    def code() -> Outcome:
        began = time.perf_counter() - begun.opening
        try:
            sink = settings.files.sink(job.target)
            much = held_of(source, sink, upscaler.enlargement).bytes * _SHARES > upscaler.enlargement.max_memory
            with alone if much else contextlib.nullcontext():
                began = time.perf_counter() - begun.opening
                enlarge(source, sink, upscaler.enlargement, progress=tell, cancel=cancel)
            seconds = _since(began)
            written = (job.target.stat().st_size, digest_of(job.target)) if settings.digests else None
            return Outcome(job, told, seconds=seconds, warnings=source.warnings, written=written)
        except CancelledError:
            raise
        except Exception as error:
            return Outcome(job, told, error=as_upres_error(error, job.source), seconds=_since(began))
        finally:
            source.close()
            predicted.set()

    return coders.submit(code), predicted


def _told(told: Summary, chosen: Chosen) -> Summary:
    """Add which place between the model's corners was chosen, and why to what reading changes."""
    denoise, detail = chosen.position.denoise, chosen.position.detail
    why = (f"denoise {denoise:g}, because {chosen.reason}",) if chosen.reason else ()
    return dataclasses.replace(told, denoise=denoise, detail=detail, changes=(*why, *told.changes))


def _ready(outcome: Outcome) -> tuple[Future[Outcome], threading.Event]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    predicted = threading.Event()
    predicted.set()
    return future, predicted


def _since(began: float) -> float:
    return time.perf_counter() - began
