"""What `upres upscale` does with films: options → settings, what becomes which, and what is printed."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upres.cli.exit_codes import with_options
from upres.cli.terminal import say, show
from upres.config.amounts import parse_time, time_in_words
from upres.errors import ConfigError, FailedError, InputError, UpresError, extra

if TYPE_CHECKING:
    from upres.upscaling.batch import BatchSettings
    from upres.upscaling.loading import Upscalers
    from upres.video.planning import Plan
    from upres.video.progress import Advance, FilmSummary


@dataclass(frozen=True)
class FilmWords:
    """What the command line says of films; names are those of the options."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    start: str | None = None
    end: str | None = None
    preview: str | None = None
    dry_run: bool = False
    deinterlace: bool = False
    matrix: str | None = None

    @property
    def said(self) -> list[str]:
        """The options that were given, as they are typed."""
        names = {"start": "from", "end": "to"}
        given = (each.name for each in dataclasses.fields(self) if getattr(self, each.name) not in (None, False))
        return [f"--{names.get(name, name).replace('_', '-')}" for name in given]

    def range(self) -> tuple[Fraction, Fraction | None]:
        """Return the seconds between which pictures are taken.

        Raises:
            ConfigError: they are no times, or contradict each other.
        """
        begin = Fraction(0) if self.start is None else _time("--from", self.start)
        end = None if self.end is None else _time("--to", self.end)
        if self.preview is not None:
            if end is not None:
                raise ConfigError("--to and --preview are both given, and one of them decides where it ends")
            end = begin + _time("--preview", self.preview)
        return begin, end


@dataclass(frozen=True)
class FilmJob:
    """A film and the file to be made of it; `found` in a folder, or named."""

    source: Path
    target: Path
    found: bool = False


def split(inputs: Sequence[Path], words: FilmWords, *, video: bool) -> tuple[list[Path], list[Path]]:
    """Return the inputs that are pictures or hold some, and those that are films or may hold some.

    Args:
        inputs: files and folders.
        words: what was said of films.
        video: whether folders are searched for films.

    Raises:
        ConfigError: options of films, and no film.
    """
    from upres.image.codecs.table import SUFFIXES
    from upres.image.folders import picture_files

    if not (video or words.said) and all(path.suffix.lower() in ("", *SUFFIXES) or path.is_dir() for path in inputs):
        return list(inputs), []  # nothing of films is loaded
    from upres.video.table import films_in, is_film

    films = [path for path in inputs if (path.is_dir() and video) or (is_film(path) and not path.is_dir())]
    pictures = [path for path in inputs if path not in films]
    if words.said and not films:
        raise ConfigError(
            f"{', '.join(words.said)}: for films, and no input is one; folders are searched for them with --video"
        )
    empty = [path for path in films if path.is_dir() and not films_in(path)]
    if empty:
        raise InputError("no films in this folder; leave --video out for its pictures", where=empty[0])
    pictures += [path for path in films if path.is_dir() and picture_files(path, recursive=True)]
    return pictures, films


def film_jobs(inputs: Sequence[Path], output: Path | None, label: str) -> list[FilmJob]:
    """Return which film becomes which file.

    Args:
        inputs: films, and folders of some.
        output: the file for one film, the folder for several; by default beside each, as with pictures.
        label: what names gain: `_x4`.

    Raises:
        ConfigError: the output is a file, and there are several films.
    """
    from upres.video.table import films_in, is_film, is_sequence, suffix_like

    def named(path: Path, root: Path) -> Path:
        return root / f"{path.stem}{label}{suffix_like(path)}"

    alone = len(inputs) == 1 and not inputs[0].is_dir()
    if alone and output is not None and not output.is_dir() and (output.suffix or is_sequence(output)):
        return [FilmJob(inputs[0], output)]
    if output is not None and not output.is_dir() and (is_film(output) or is_sequence(output)):
        raise ConfigError(
            "is one film, and several go into a folder; name a folder", where=output, settings=("output",)
        )
    jobs = []
    for path in inputs:
        if not path.is_dir():
            jobs.append(FilmJob(path, named(path, output or path.parent)))
            continue
        folder = path if path.name not in ("", "..") else path.resolve()
        root = output or folder.with_name(f"{folder.name}{label}")
        here, there = path.resolve(), root.resolve()
        for found in films_in(path):
            if there != here and there.is_relative_to(here) and found.resolve().is_relative_to(there):
                continue  # an output folder inside the input
            jobs.append(FilmJob(found, named(found, root / found.relative_to(path).parent), found=True))
    return jobs


def enlarge_films(
    inputs: Sequence[Path],
    output: Path | None,
    upscalers: Upscalers,
    settings: BatchSettings,
    words: FilmWords,
    made_with: dict[str, Any],
    *,
    verbose: bool,
    quiet: bool,
) -> None:
    """Enlarge films one after the other.

    Raises:
        UpresError: what is wrong with the only film; with several it is said, and a FailedError counts them.
    """
    from upres.video.options import FilmOptions

    start, end = words.range()
    label = f"{upscalers.label}{'_preview' if words.preview is not None else ''}"
    jobs = film_jobs(inputs, output, label)
    asked = FilmOptions(
        codec=words.codec,
        crf=words.crf,
        preset=words.preset,
        pix_fmt=words.pix_fmt,
        start=start,
        end=end,
        deinterlace=words.deinterlace,
        matrix=words.matrix,
        overwrite=settings.overwrite,
        skip_existing=bool(settings.skip_existing),
        quality=settings.files.quality,
        lossless=settings.files.lossless,
    )
    with extra("video", "enlarging a film"):
        from upres.video.planning import check_target, plan_film, run_plan
    failed = 0
    for job in jobs:
        try:
            skips = job.found if settings.skip_existing is None else settings.skip_existing
            if skips and not settings.overwrite and job.target.exists():
                if verbose:
                    say(f"{job.target}: there already, passed over", error=True)
                continue
            if not words.dry_run:
                check_target(job.target, asked)
            plan = plan_film(job.source, job.target, upscalers, asked, made_with)
            _tell_plan(plan, quiet=quiet, verbose=verbose or words.dry_run)
            if words.dry_run:
                _try(plan)
            else:
                _tell(job, run_plan(plan, progress=_drawing(job.source)), quiet=quiet)
        except KeyboardInterrupt:
            show("")
            say("upres: what is done is kept; the same command again goes on behind it", error=True)
            raise
        except UpresError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            say(f"upres: {with_options(error)}", error=True)
        finally:
            show("")
    if failed:
        raise FailedError(f"{failed} of {len(jobs)} films could not be enlarged; the reasons stand above")


def _tell_plan(plan: Plan, *, quiet: bool, verbose: bool) -> None:
    """Say what is assumed, left behind and kept, before hours are spent on it."""
    film = plan.film
    if not quiet:
        for note in (*film.notes, *(f"left behind: {each}" for each in plan.kept.left)):
            say(f"upres: {film.path}: {note}", error=True)
    if verbose:
        (height, width), count = plan.size, plan.pictures
        colours = film.colours
        said = "R, G, B" if colours.matrix is None else f"BT.{colours.matrix}, {'full' if colours.full else 'limited'}"
        say(
            f"  pictures: {'unknown number' if count is None else f'{count:,}'} of {film.width}×{film.height}, "
            f"{film.bits} bits, {said} → {width}×{height}",
            f"  coded: {plan.coded}",
            *(f"  kept: {each}" for each in plan.kept.said),
            error=True,
        )


def _try(plan: Plan) -> None:
    """Enlarge a few pictures, and say how long all would take and how large they would be."""
    from upres.video.trial import tried

    trial, (height, width) = tried(plan), plan.size
    about = ""
    if trial.pictures is not None and trial.seconds is not None and trial.bytes is not None:
        size = f"{trial.bytes / 1e6:,.0f} MB" if trial.bytes >= 1e6 else f"{trial.bytes / 1e3:,.1f} kB"
        about = f", about {time_in_words(trial.seconds)} and {size} for {trial.pictures:,} pictures"
    made = f"{plan.film.path} → {plan.target} {width}×{height}"
    say(f"{made}: {trial.rate:.2f} pictures/s here{about}; nothing was written")


def _tell(job: FilmJob, summary: FilmSummary, *, quiet: bool) -> None:
    (height, width), (large_height, large_width) = summary.input, summary.output
    show("")
    if not quiet:
        again = f", {summary.resumed:,} of them by an earlier run" if summary.resumed else ""
        repeated = f", {100 * summary.repeated:.0f} % of tiles repeated" if summary.repeated >= 0.01 else ""
        say(
            f"{job.source} {width}×{height} → {job.target} {large_width}×{large_height}, {summary.pictures:,} pictures"
            f"{again}, {summary.codec}{repeated}, {time_in_words(summary.seconds)}"
        )
    if summary.faults:
        raise FailedError(f"{'; '.join(summary.faults)}; {job.target} holds the rest", where=job.source)


def _drawing(path: Path) -> Any:
    """Return what draws a line of progress, where somebody watches."""
    if not sys.stderr.isatty():
        return None

    def draw(at: Advance) -> None:
        total = "" if at.total is None else f" of {at.total:,}"
        left = "" if at.left is None else f", {time_in_words(at.left)} left"
        size = f", {at.bytes / 1e6:,.0f} MB" if at.bytes else ""
        show(f"{path.name} {at.done:,}{total} pictures, {at.rate:.2f} a second{left}{size}")

    return draw


def _time(option: str, text: str) -> Fraction:
    try:
        return parse_time(text)
    except ConfigError as error:
        raise ConfigError(f"{option} {error}") from error
