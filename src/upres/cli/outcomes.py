"""What `upres upscale` prints: of each picture, of models, while it goes on, and of all at the end."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from upres.cli.exit_codes import with_options
from upres.cli.terminal import say, show
from upres.config.amounts import time_in_words

if TYPE_CHECKING:
    from upres.upscaling.batch import Job, JobProgress, Log, Outcome
    from upres.upscaling.loading import Upscalers
    from upres.upscaling.upscaler import Upscaler


def say_what_was_left_out(jobs: Sequence[Job]) -> None:
    """Say which pictures upres itself had made of others."""
    if jobs:
        first = jobs[0]
        say(
            f"upres: {len(jobs)} left out, as upres made {'them' if len(jobs) > 1 else 'it'} of others here "
            f"({first.source} of {first.original}); name such a picture without the other to enlarge it",
            error=True,
        )


def say_what_is_unportable(found: Mapping[Path, str]) -> None:
    """Say which outputs another system could not hold, each with the reason."""
    if found:
        path, why = next(iter(found.items()))
        say(
            f"upres: warning: {len(found)} of the outputs would not survive a copy to Windows or macOS "
            f"({path}: {why}); rename before copying",
            error=True,
        )


class Models:
    """Says of each model once how it is run."""

    def __init__(self, upscalers: Upscalers, *, shown: bool) -> None:
        self._upscalers = upscalers
        self._shown = shown and upscalers.size.fixed
        self._said: set[str] = set()

    def say(self) -> None:
        """Say it of those that were loaded since."""
        if not self._shown:
            return
        for line in map(_described, self._upscalers.loaded):
            if line not in self._said:
                self._said.add(line)
                say(f"model {line}", error=True)


class Tally:
    """How many pictures came to what."""

    def __init__(self) -> None:
        self.enlarged = self.skipped = self.failed = 0
        self._otherwise = 0
        self._differing: dict[str, None] = {}
        self._warned = False

    def add(self, outcome: Outcome) -> None:
        """Count one, and warn once of tiles that may show."""
        self.failed += outcome.error is not None
        self.skipped += outcome.skipped
        self.enlarged += outcome.error is None and not outcome.skipped
        worst = outcome.summary.worst_difference if outcome.summary is not None else 0.0
        if worst > 0 and not self._warned:
            self._warned = True
            say(
                "upres: warning: tiles do not see all that the model looks at, and may differ from the whole picture "
                f"by up to {255 * worst:.1f} of 255 levels (measured on noise and edges); "
                "leave out --halo, or raise --max-memory, for exact ones",
                error=True,
            )

    def compare(self, differing: Sequence[str]) -> None:
        """Count an output that is there and was made by other settings."""
        self._otherwise += bool(differing)
        self._differing.update(dict.fromkeys(differing))

    def say_what_differs(self) -> None:
        """Say which settings those are: what is there is not replaced unasked, and not taken for what was asked."""
        if self._otherwise:
            say(
                f"upres: warning: {self._otherwise} of those that are there already were made with another "
                f"{', '.join(self._differing)}; --overwrite makes them anew, -o makes these elsewhere",
                error=True,
            )

    @property
    def count(self) -> int:
        """How many pictures that were."""
        return self.enlarged + self.skipped + self.failed

    def line(self, total: int | None = None) -> str:
        """Return the counts in words, of a total where that is known."""
        of = self.count if total is None else total
        return f"{self.enlarged} of {of} pictures enlarged, {self.skipped} there already, {self.failed} failed"


class Account:
    """Takes what becomes of each picture: into the manifest, into the counts, and onto the terminal.

    Args:
        upscalers: whose models are told of.
        log: the manifest, where one is kept.
        alone: whether there is one picture, whose error ends the command.
        counted: whether a line of the terminal counts them while they come.
        verbose, quiet: how much is said.

    Attributes:
        tally: how many came to what.
    """

    def __init__(
        self, upscalers: Upscalers, log: Log | None, *, alone: bool, counted: bool, verbose: bool, quiet: bool
    ) -> None:
        self.tally = Tally()
        self._models = Models(upscalers, shown=verbose)
        self._log, self._alone, self._counted = log, alone, counted
        self._verbose, self._quiet = verbose, quiet
        self._began = time.monotonic()

    def __enter__(self) -> Account:
        self._models.say()
        return self

    def __exit__(self, *_: object) -> None:
        if self._counted:
            show("")
        if self._log is not None:
            self._log.close()

    @property
    def seconds(self) -> float:
        """Seconds since it was opened."""
        return time.monotonic() - self._began

    def take_all(self, outcomes: Generator[Outcome, None, None]) -> None:
        """Take them as they come; after Ctrl-C what had been written by then.

        Raises:
            InputError: of the only picture.
            KeyboardInterrupt: the work was stopped.
        """
        from upres.upscaling.batch.engines.stopping import rest

        try:
            for outcome in outcomes:
                self._take(outcome)
        except KeyboardInterrupt as interrupt:
            for outcome in rest(outcomes, interrupt):
                self._take(outcome)
            raise

    def _take(self, outcome: Outcome) -> None:
        if self._log is not None:
            self._log.add(outcome)
            self.tally.compare(self._log.differing(outcome))
        if outcome.error is not None and self._alone:
            raise outcome.error
        self.tally.add(outcome)
        self._models.say()
        _tell(outcome, verbose=self._verbose, quiet=self._quiet)
        if self._counted:
            speed = self.tally.enlarged / max(self.seconds, 1e-9)
            show(f"[{self.tally.count:,}] {outcome.job.source_name}, {speed:.2f} pictures/s")


def _tell(outcome: Outcome, *, verbose: bool, quiet: bool) -> None:
    """Print what became of one picture."""
    job, summary = outcome.job, outcome.summary
    if outcome.error is not None:
        say(f"upres: {with_options(outcome.error)}", error=True)
        return
    if outcome.skipped:
        if verbose:
            say(f"{job.target_name}: there already, passed over", error=True)
        return
    assert summary is not None
    if not quiet:
        for warning in outcome.warnings:
            say(f"upres: warning: {job.source_name}: {warning}", error=True)
        (height, width), (large_height, large_width) = summary.input, summary.output
        pages = f"{summary.pages} pictures, " if summary.pages > 1 else ""
        say(
            f"{job.source_name} {width}×{height} → {job.target_name} {large_width}×{large_height}, {pages}"
            f"{summary.model} ×{summary.scale:g}, {outcome.seconds:.2f} s"
        )
    if verbose:
        say(*(f"  {line}" for line in (f"tiles: {summary.tiles}", *summary.changes)), error=True)


def _described(upscaler: Upscaler) -> str:
    steps = (
        f"{predictor.facts.name} ×{predictor.facts.scale} ({predictor.facts.parameters:,} parameters"
        f"{f', {predictor.how}' if predictor.how else ''})"
        for predictor in upscaler.predictors
    )
    return f"{', then '.join(steps)}; result ×{upscaler.scale:g}"


@contextlib.contextmanager
def bar(jobs: list[Job], *, shown: bool) -> Iterator[JobProgress | None]:
    """Yield what draws the progress on the terminal's current line, which is empty again afterwards."""
    if not shown:
        yield None
        return
    # Reading every header would take longer than a person waits for a bar: a file's bytes say how much it is.
    sizes = [_bytes_of(job.source) for job in jobs]
    all_bytes = sum(sizes) or 1
    numbers = {job: number for number, job in enumerate(jobs)}
    earlier = [0, *itertools.accumulate(sizes)]
    megapixels: dict[Job, float] = {}
    began = time.monotonic()

    def draw(job: Job, share: float, made: float) -> None:
        megapixels[job] = made
        number, spent = numbers[job], time.monotonic() - began
        overall = max((earlier[number] + sizes[number] * share) / all_bytes, 1e-9)
        title = f"[{number + 1}/{len(jobs)}] {job.source.name}" if len(jobs) > 1 else job.source.name
        show(
            f"{title} {100 * share:.0f} %, {sum(megapixels.values()) / max(spent, 1e-9):.2f} megapixels/s, "
            f"{time_in_words(spent * (1 - overall) / overall)} left"
        )

    try:
        yield draw
    finally:
        show("")


def _bytes_of(path: Path) -> int:
    """Return the length of a file, 0 for what is none; what is wrong with it is said when it is read."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except (OSError, ValueError):
        return 0
