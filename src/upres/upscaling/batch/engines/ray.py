"""Many pictures on many machines, by Ray.

A task carries names; whoever does it reads, enlarges and writes, and answers with a row for each. Ray starts tasks
again whose worker was lost; what had been written by then is passed over. What has to be known after everything is
lost stands in the manifest and in the outputs, not in Ray.
"""

from __future__ import annotations

import functools
import math
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from upres.config.limits import MAX_MEMORY
from upres.errors import ConfigError, FailedError, UpresError, extra, first_line
from upres.image.prefetch import LONGEST_WAIT
from upres.storage.places import Anywhere, Place, place_of
from upres.upscaling.batch.engines import staged
from upres.upscaling.batch.engines.portions import Portions
from upres.upscaling.batch.items import Item
from upres.upscaling.batch.jobs import BatchSettings, Job, Outcome
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.sizes import Size

# Tasks that are asked for, for each that fits the machines that are there: the others are why Ray adds machines.
_ASKED = 2
# Seconds in which a cluster answers.
_ANSWER = 10.0
# How often Ray starts a task again whose worker was lost.
_RETRIES = 3
# Bytes of a worker beside what an enlargement holds: the interpreter and its libraries.
_BESIDE = 300_000_000


@dataclass(frozen=True)
class Work:
    """What is the same for all pictures of a run; it goes to every worker.

    Attributes:
        source, target: the addresses of the folders, as workers reach them; empty where names are whole.
        model, size: as in `Upscalers`.
        options: the same, in pairs.
        settings: as in `staged.run`.
        about: the same, in pairs.
    """

    source: str
    target: str
    model: str
    size: Size
    options: tuple[tuple[str, Any], ...]
    settings: BatchSettings
    about: tuple[tuple[str, str], ...] = ()

    @property
    def threads(self) -> int:
        """How many threads a worker has."""
        return dict(self.options).get("threads") or 1


def run(
    items: Iterable[Item], work: Work, *, address: str | None = None, log: Mapping[str, Any] = MappingProxyType({})
) -> Generator[Outcome, None, None]:
    """Enlarge pictures on the machines of a Ray cluster, and yield what became of each, as it is known.

    A worker has one thread unless `threads` is among the options, and room for `max_memory`: Ray is told, and starts
    no more of them than fit. What is already in the place of an output is passed over there.

    Args:
        items: which; as many are taken as workers can begin.
        work: what is the same for all.
        address: of the cluster; `None` for one of this machine's own, which ends with this.
        log: how Ray is started, besides.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: there is no cluster at the address.
    """
    with extra("ray", "the engine ray"):
        import ray
    begun = not ray.is_initialized()
    if begun:
        try:
            _reach(address)
            ray.init(address=address, logging_level="ERROR", log_to_driver=False, **_own(address), **log)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster answers there ({first_line(error)}); start one, or leave the address out",
                where=address,
                settings=("address",),
            ) from error
    tasks = _Tasks(ray, work)
    try:
        yield from tasks.outcomes(iter(items))
    finally:
        tasks.cancel()
        if begun:
            ray.shutdown()


def _reach(address: str | None) -> None:
    """Be sure that something answers at HOST:PORT: Ray itself tries for ten minutes.

    Raises:
        OSError: nothing does.
    """
    place = urlsplit(address if address and "://" in address else f"ray://{address or ''}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), _ANSWER).close()


def _own(address: str | None) -> dict[str, Any]:
    return {"include_dashboard": False} if address is None else {}


class _Tasks:
    """The tasks that are under way."""

    def __init__(self, ray: Any, work: Work) -> None:
        self._ray = ray
        self._work = ray.put(work)
        self._threads = work.threads
        memory = int(dict(work.options).get("max_memory") or MAX_MEMORY) + _BESIDE
        gpus = 1 if dict(work.options).get("device") in ("gpu", "cuda") else 0
        self._task = ray.remote(_done).options(
            num_cpus=self._threads,
            num_gpus=gpus,
            memory=memory,
            max_retries=_RETRIES,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": str(self._threads)}},
        )
        self._fit = (self._threads, memory, gpus)
        self._places = (work.source, work.target)
        self._pending: dict[Any, list[Item]] = {}

    def outcomes(self, items: Iterator[Item]) -> Generator[Outcome, None, None]:
        """Yield what became of items; the first that are done first."""
        portions = Portions(items)
        while True:
            wanted = self._wanted()
            while len(self._pending) < wanted:
                some = portions.next(wanted)
                if not some:
                    break
                self._pending[self._task.remote(self._work, some)] = some
            if not self._pending:
                return
            ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=LONGEST_WAIT)
            for reference in ready:
                some = self._pending.pop(reference)
                seconds, outcomes = self._result(reference, some)
                if seconds is not None:
                    portions.took(seconds, len(some))
                yield from outcomes

    def _wanted(self) -> int:
        """Return how many tasks are to be asked for: of those that fit, more, so that none waits for this process."""
        threads, memory, gpus = self._fit
        there = self._ray.cluster_resources()
        fit = min(
            there.get("CPU", 0) / threads,
            there.get("memory", 0) / memory,
            there.get("GPU", 0) / gpus if gpus else math.inf,
        )
        return _ASKED * max(1, int(fit))

    def _result(self, reference: Any, some: list[Item]) -> tuple[float | None, list[Outcome]]:
        """Return how many seconds a task took, if it ended, and what became of its items."""
        try:
            return cast("tuple[float, list[Outcome]]", self._ray.get(reference))
        except self._ray.exceptions.RayTaskError as error:
            reason = (
                error.cause if isinstance(error.cause, UpresError) else FailedError(first_line(error.cause or error))
            )
            return None, [self._failed(item, reason) for item in some]
        except self._ray.exceptions.RayError as error:
            lost = FailedError(
                f"its worker was lost {_RETRIES + 1} times ({type(error).__name__}); the same command tries it again"
            )
            return None, [self._failed(item, lost) for item in some]

    def _failed(self, item: Item, error: UpresError) -> Outcome:
        source, target = (_place(address) for address in self._places)
        addresses = (source.shown(item.source), target.shown(item.target))
        job = Job(Path(item.source), Path(item.target), found=True, addresses=addresses)
        return Outcome(job, error=error if error.where else error.at(addresses[0]))

    def cancel(self) -> None:
        """Ask for nothing more of what is under way."""
        for reference in self._pending:
            self._ray.cancel(reference, force=False)


def _done(work: Work, items: list[Item]) -> tuple[float, list[Outcome]]:
    """Do a task; return how many seconds it took, the model's loading apart, and what became of its items."""
    upscalers = _upscalers(work)
    began = time.monotonic()
    places = _place(work.source), _place(work.target)
    outcomes = list(staged.run(items, *places, upscalers, work.settings, about=dict(work.about)))
    return time.monotonic() - began, outcomes


@functools.lru_cache(maxsize=1)
def _upscalers(work: Work) -> Upscalers:
    """Return what enlarges: a worker's process keeps it for its next task."""
    options = cast(Options, {"threads": work.threads, **dict(work.options)})
    if options.get("threads") is None:
        options["threads"] = work.threads
    return Upscalers(work.model, work.size, **options)


@functools.lru_cache(maxsize=8)
def _place(address: str) -> Place:
    return place_of(address) if address else Anywhere()
