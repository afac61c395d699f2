"""Pictures from a place into a place, by the engine of this machine.

What lies in a bucket is fetched into a folder of its own on this machine's disk, enlarged there as any file is, and
put when it is whole. A few pictures are on their way at a time, however many there are.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from upres.config.limits import MAX_FETCHED, MAX_REFUSALS
from upres.errors import CancelledError, PictureError, StorageError, as_upres_error
from upres.image.prefetch import LONGEST_WAIT
from upres.storage.places import Place
from upres.storage.scratch import scratch_folder
from upres.upscaling.batch.engines import local
from upres.upscaling.batch.engines.stopping import first_ended, rest
from upres.upscaling.batch.items import Item
from upres.upscaling.batch.jobs import BatchSettings, Job, Outcome
from upres.upscaling.loading import Upscalers

# Names whose outputs are looked for at a time: few at first, so that the first picture waits for no others.
_PAGES = (16, 128, 1000)


def run(
    items: Iterable[Item],
    source: Place,
    target: Place,
    upscalers: Upscalers,
    settings: BatchSettings,
    *,
    about: Mapping[str, str] = MappingProxyType({}),
) -> Generator[Outcome, None, None]:
    """Enlarge pictures as they are named, and yield what became of each, in their order.

    Args:
        items: which.
        source, target: where they are, and where they go.
        upscalers, settings: as in `local.run`; `settings.skip_existing` is on unless it is `False`.
        about: what is said of each output where a store keeps such words.

    Raises:
        StorageError: a place cannot be listed, or refused too many pictures one after the other.
    """
    stop = threading.Event()
    with scratch_folder() as scratch, ThreadPoolExecutor(2 * MAX_FETCHED, "upres-transfer") as transfers:
        jobs = _Jobs(items, source, target, settings, scratch, transfers, stop)
        settings = replace(settings, digests=True)
        done = local.run(jobs, upscalers, settings)
        pending: deque[Future[Outcome]] = deque()
        refusals = _Refusals()
        try:
            while True:
                while pending and (pending[0].done() or len(pending) > MAX_FETCHED):
                    outcome = first_ended(pending)
                    yield outcome
                    refusals.count(outcome)
                made = next(done, None)
                if made is None:
                    break
                pending.append(transfers.submit(_put, made, target, settings, about, scratch, stop))
            while pending:
                outcome = first_ended(pending)
                yield outcome
                refusals.count(outcome)
        except GeneratorExit:
            raise
        except KeyboardInterrupt as interrupt:
            for made in rest(done, interrupt):
                pending.append(transfers.submit(_put, made, target, settings, about, scratch, stop))
            while pending:
                with contextlib.suppress(CancelledError):
                    yield first_ended(pending)
            raise
        finally:
            stop.set()
            done.close()


class _Refusals:
    """Ends a run whose places refuse one picture after the other."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def count(self, outcome: Outcome) -> None:
        self._in_a_row = self._in_a_row + 1 if isinstance(outcome.error, StorageError) else 0
        if self._in_a_row == MAX_REFUSALS:
            raise StorageError(
                f"{self._in_a_row} pictures one after the other could not be had or put: {outcome.error}"
            )


class _Jobs:
    """The jobs of items, each as soon as its source has come; a few are fetched ahead."""

    def __init__(
        self,
        items: Iterable[Item],
        source: Place,
        target: Place,
        settings: BatchSettings,
        scratch: Path,
        transfers: ThreadPoolExecutor,
        stop: threading.Event,
    ) -> None:
        self._items, self._source, self._target = items, source, target
        self._settings, self._scratch, self._transfers, self._stop = settings, scratch, transfers, stop
        self._skips = settings.skip_existing is not False and not settings.overwrite

    def __iter__(self) -> Iterator[Job]:
        waiting: deque[Future[Job]] = deque()
        number = itertools.count()
        for page in _pages(self._items):
            names = [item.target for item in page if item.error is None]
            there = set() if self._settings.overwrite else self._target.there(names)
            for item in page:
                while len(waiting) >= MAX_FETCHED:
                    yield self._next(waiting)
                waiting.append(self._begun(item, next(number), item.target in there))
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: deque[Future[Job]]) -> Job:
        while not waiting[0].done():
            wait([waiting[0]], LONGEST_WAIT)
            if self._stop.is_set():
                raise CancelledError("stopped as asked; nothing was written")
        return waiting.popleft().result()

    def _begun(self, item: Item, number: int, there: bool) -> Future[Job]:
        addresses = (self._source.shown(item.source), self._target.shown(item.target))
        stem = self._scratch / f"{number}"
        job = Job(
            stem.with_name(f"{number}-in{PurePosixPath(item.source).suffix}"),
            self._target.target(item.target, stem.with_name(f"{number}-out{PurePosixPath(item.target).suffix}")),
            found=True,
            addresses=addresses,
        )
        # A folder of this machine is made when there is something to be put into it.
        job = replace(job, root=job.target.parent)
        if item.error is None and there and not self._skips:
            error = PictureError(
                "exists already; allow it to be replaced, or write elsewhere",
                where=addresses[1],
                settings=("overwrite", "output"),
            )
            return _ready(replace(job, error=error))
        if item.error is not None or there:
            return _ready(replace(job, error=item.error, present=there and item.error is None))
        return self._transfers.submit(self._fetched, job, item)

    def _fetched(self, job: Job, item: Item) -> Job:
        try:
            return replace(job, source=self._source.fetched(item.source, job.source, self._stop))
        except CancelledError:
            raise
        except Exception as error:
            return replace(job, error=as_upres_error(error, job.source_name))


def _pages(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    for size in itertools.chain(_PAGES, itertools.repeat(_PAGES[-1])):
        page = list(itertools.islice(left, size))
        if not page:
            return
        yield page


def _ready(job: Job) -> Future[Job]:
    future: Future[Job] = Future()
    future.set_result(job)
    return future


def _put(
    outcome: Outcome,
    target: Place,
    settings: BatchSettings,
    about: Mapping[str, str],
    scratch: Path,
    stop: threading.Event,
) -> Outcome:
    """Put what was made in its place, and let go of the copies."""
    job = outcome.job
    try:
        if outcome.error is None and not outcome.skipped and job.target.parent == scratch:
            assert outcome.written is not None and job.addresses is not None
            name = job.addresses[1].removeprefix(f"{target.address}/")
            target.keep(name, job.target, replace=settings.overwrite, digest=outcome.written[1], about=about, stop=stop)
    except CancelledError:
        raise
    except Exception as error:
        outcome = replace(outcome, error=as_upres_error(error, job.target_name), written=None)
    finally:
        for path in (job.source, job.target):
            if path.parent == scratch:
                path.unlink(missing_ok=True)
    known = {str(job.source): job.source_name, str(job.target): job.target_name}
    if outcome.error is not None and outcome.error.where in known:
        outcome = replace(outcome, error=outcome.error.at(known[outcome.error.where]))
    return outcome
