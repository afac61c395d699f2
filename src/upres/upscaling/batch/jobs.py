"""Which file becomes which: pictures named and found, their outputs, and refusing two that would be one."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from upres.errors import ConfigError, PictureError, UpresError, nearest
from upres.image import picture_files
from upres.image.codecs.table import FORMATS, SUFFIXES, WRITTEN
from upres.storage.names import folded, folds_case, refused_by_windows
from upres.upscaling.pipeline import Settings, Summary
from upres.upscaling.sizes import LABELLED


@dataclass(frozen=True)
class Job:
    """One file to be made of another.

    Attributes:
        source, target: the files.
        found: whether the source was found in a folder; then what is there already is passed over.
        root: the output folder, or `None` when the target was named.
        twin: another source of which the same file would be made; then neither is enlarged.
        original: the source of which this one was made by upres, as their names say.
        addresses: what a person knows source and target as, where they lie elsewhere and these are copies.
        present: whether the output is known to be there already.
        error: why there is no source to be opened.
    """

    source: Path
    target: Path
    found: bool = False
    root: Path | None = None
    twin: Path | None = None
    original: Path | None = None
    addresses: tuple[str, str] | None = None
    present: bool = False
    error: UpresError | None = None

    @property
    def source_name(self) -> str:
        """What a person knows the source as."""
        return str(self.source) if self.addresses is None else self.addresses[0]

    @property
    def target_name(self) -> str:
        """What a person knows the output as."""
        return str(self.target) if self.addresses is None else self.addresses[1]

    @property
    def name(self) -> str:
        """The source's name below the folder that is enlarged, with `/` between its parts."""
        inside = self.target.parent if self.root is None else self.target.parent.relative_to(self.root)
        return (inside / self.source.name).as_posix() if self.found else self.source.name


@dataclass(frozen=True)
class BatchSettings:
    """How files are read and written, and what is done where an output exists.

    Attributes:
        files: how files are read and written.
        overwrite: replace an output that exists.
        skip_existing: pass it over; `None` for what was found in folders only. Else it is an error.
        digests: tell of each output its bytes and its SHA-256, for which it is read once more.
    """

    files: Settings = field(default_factory=Settings)
    overwrite: bool = False
    skip_existing: bool | None = None
    digests: bool = False

    def skips(self, job: Job) -> bool:
        """Return whether a job is done already."""
        if job.present:
            return True
        allowed = job.found if self.skip_existing is None else self.skip_existing
        return allowed and not self.overwrite and job.twin is None and _exists(job.target)

    def check(self, job: Job) -> None:
        """Refuse a job whose output would replace what is there, or be that of another.

        Raises:
            PictureError: it would, and that was not allowed; or no file can have its name.
        """
        if job.twin is not None:
            raise _collision(job, job.twin)
        if _exists(job.target) and not self.overwrite:
            raise PictureError(
                "exists already; allow it to be replaced, or write elsewhere",
                where=job.target,
                settings=("overwrite", "output"),
            )


@dataclass(frozen=True)
class Outcome:
    """What became of a job; also a line of the manifest.

    Attributes:
        job: the job.
        summary: what the enlargement came to, or would have, where that is known.
        seconds: for how long it was worked on: opening it, and from its first band to its last byte. Loading a model
            and waiting for pictures before it do not count; work on those beside it makes it longer.
        skipped: whether the output was there already.
        error: why there is none.
        warnings: what was odd about the file, in words.
        written: the bytes of the output and its SHA-256, where that was asked for.
    """

    job: Job
    summary: Summary | None = None
    seconds: float = 0.0
    skipped: bool = False
    error: UpresError | None = None
    warnings: tuple[str, ...] = ()
    written: tuple[int, str] | None = None

    def line(self) -> dict[str, Any]:
        """Return the manifest's entry; sizes are width and height there."""
        summary, failed = self.summary, self.error is not None
        return {
            "input": self.job.source_name,
            "output": self.job.target_name,
            "input_size": None if summary is None else summary.input[::-1],
            "output_size": None if summary is None or failed else summary.output[::-1],
            "model": None if summary is None else summary.model,
            "scale": None if summary is None else summary.scale,
            "denoise": None if summary is None else summary.denoise,
            "detail": None if summary is None else summary.detail,
            "changes": [] if summary is None else list(summary.changes),
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "worst_difference": 0.0 if summary is None else summary.worst_difference,
            "warnings": list(self.warnings),
            "error": str(self.error) if failed else None,
            "error_class": type(self.error).__name__ if failed else None,
            "bytes": None if self.written is None else self.written[0],
            "sha256": None if self.written is None else self.written[1],
        }


JobProgress = Callable[[Job, float, float], object]
"""Called with the job, the share of it that is predicted, and how many megapixels of output that makes."""


def find_jobs(
    inputs: Sequence[Path],
    output: Path | None,
    *,
    label: str,
    form: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> list[Job]:
    """Decide what is written where, before anything is.

    Args:
        inputs: files, and folders whose pictures are taken with those of the folders in them.
        output: the file to write, or for several the folder, in which folders keep their tree; by default files
            are written beside their source, and those of a folder into another beside it.
        label: what names gain: `_x4`.
        form: the format's suffix, by default the source's.
        include, exclude: patterns for a picture's name, or its path in the folder: `*.jpg`, `thumbs/*`.

    What was found in folders and would be made into one file has a `twin`; what upres made of another of the inputs,
    as the names say, has an `original`.

    Raises:
        PictureError: an empty folder, or two inputs that were named and have one output.
        ConfigError: options that contradict each other.
    """
    if len(inputs) == 1 and not inputs[0].is_dir() and output is not None and not output.is_dir():
        if form is not None and output.suffix.lower() != suffix_of(form):
            raise ConfigError(
                f"format {form} and output {output} disagree; give only one of them", settings=("format", "output")
            )
        return [Job(inputs[0], output)]
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError("is a file; several inputs are written into a folder", where=output, settings=("output",))
    if output is not None and not output.exists() and output.suffix.lower() in SUFFIXES:
        raise ConfigError(
            "is the name of a picture, and what is made of a folder or of several pictures goes into a folder; name a "
            f"folder, such as {output.with_suffix('').name}, or give one picture",
            where=output,
            settings=("output",),
        )
    jobs: list[Job] = []
    for source in inputs:
        if source.is_dir():
            root = output or _named(source).with_name(f"{_named(source).name}{label}")
            found = _pictures(source, root, include, exclude)
            jobs += [_job(path, root, label, form, path.relative_to(source).parent) for path in found]
        else:
            jobs.append(_job(source, output or source.parent, label, form, None))
    return _with_twins(_with_originals(list(dict.fromkeys(jobs))))


def suffix_of(form: str) -> str:
    """Return the suffix of a format as people name it.

    Raises:
        ConfigError: no format that is written has it.
    """
    suffix = f".{form.lower().removeprefix('.')}"
    if suffix not in WRITTEN:
        raise ConfigError(f"format {form}: {nearest(form, [name[1:] for name in WRITTEN])}", settings=("format",))
    return suffix


def suffix_like(source: str, form: str | None) -> str:
    """Return the suffix of an output that has no name: as asked for, or that of the source's format.

    Args:
        source: the format of the picture, as its header calls it.
        form: what was asked for, as people name it.

    Raises:
        ConfigError: no format that is written is called so.
    """
    if form is not None:
        return suffix_of(form)
    own = next(kind for kind in FORMATS.values() if kind.name == source)
    return own.suffixes[0] if own.written else ".png"


def _job(source: Path, root: Path, label: str, form: str | None, inside: Path | None) -> Job:
    name = output_name(source, label, form)
    return Job(source, root / (inside or "") / name, found=inside is not None, root=root)


def output_name(source: Path, label: str, form: str | None) -> str:
    """Return the name of what is made of a file, without its folder.

    >>> output_name(Path("in/photo.heic"), "_x4", None)
    'photo_x4.png'

    Raises:
        ConfigError: no format that is written is called so.
    """
    kept = source.suffix if source.suffix.lower() in WRITTEN else ".png"
    return f"{source.stem}{label}{kept if form is None else suffix_of(form)}"


def _pictures(folder: Path, output: Path, include: Sequence[str], exclude: Sequence[str]) -> list[Path]:
    found = picture_files(folder, recursive=True)
    here, there = folder.resolve(), output.resolve()
    if there != here and there.is_relative_to(here):  # an output folder inside the input is no input of the next run
        inside = folder / there.relative_to(here)
        found = [path for path in found if not path.is_relative_to(inside)]
    if not found:
        raise PictureError("no pictures in this folder; give one that has some, or a file", where=folder)
    wanted = [
        path
        for path in found
        if (not include or _matches(path, folder, include)) and not _matches(path, folder, exclude)
    ]
    if not wanted:
        raise PictureError(
            f"none of its {len(found)} pictures passes the patterns of what to include and exclude; widen them",
            where=folder,
            settings=("include", "exclude"),
        )
    return wanted


def _matches(path: Path, folder: Path, patterns: Sequence[str]) -> bool:
    inside = path.relative_to(folder).as_posix()
    return any(fnmatch.fnmatchcase(inside, pattern) or fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns)


def _with_originals(jobs: Sequence[Job]) -> list[Job]:
    """Say of what an earlier run made which of these: photo_x4.png of photo.png beside it."""
    sources = {(job.source.parent, job.source.stem): job.source for job in jobs}

    def original(source: Path) -> Path | None:
        labelled = LABELLED.fullmatch(source.stem)
        return None if labelled is None else sources.get((source.parent, labelled[1]))

    return [replace(job, original=original(job.source)) for job in jobs]


def _with_twins(jobs: Sequence[Job]) -> list[Job]:
    """Say which of these would be written to one file.

    Raises:
        PictureError: two that were named would; they can be named otherwise, and nothing has been begun.
    """
    folds = {root: folds_case(root) for root in {job.root for job in jobs} if root is not None}
    made: dict[str, list[Path]] = {}

    def name(job: Job) -> str:
        return folded(job.target) if job.root is not None and folds[job.root] else str(job.target)

    for job in jobs:
        if job.original is None:
            made.setdefault(name(job), []).append(job.source)
    result = []
    for job in jobs:
        twin = next((source for source in made.get(name(job), ()) if source != job.source), None)
        if twin is not None and not any(other.found for other in jobs):
            raise _collision(job, twin)
        result.append(job if twin is None else replace(job, twin=twin))
    return result


def unportable(jobs: Sequence[Job]) -> dict[Path, str]:
    """Return the outputs that Windows or macOS would not keep as they are, each with the reason.

    The folder that outputs are written into is not looked at: it has been named, and is there.
    """
    said: dict[Path, str] = {}
    first: dict[str, Path] = {}
    for job in jobs:
        parts = [job.target.name] if job.root is None else job.target.relative_to(job.root).parts
        reason = next(filter(None, map(refused_by_windows, parts)), None)
        other = first.setdefault(folded(job.target), job.target)
        if reason is None and other != job.target:
            reason = f"the name of {other.name} but for the case of letters"
        if reason is not None:
            said[job.target] = reason
    return said


def _collision(job: Job, twin: Path) -> PictureError:
    return PictureError(
        f"{job.source} and {twin} would both be written to {job.target}; "
        "enlarge them one at a time, each into an output of its own",
        settings=("output",),
    )


def _exists(path: Path) -> bool:
    """Return whether there is something of this name.

    Raises:
        PictureError: no file system takes the name.
    """
    try:
        return path.exists()
    except OSError as error:
        length = len(os.fsencode(path.name))
        raise PictureError(
            f"cannot be the name of a file ({error.strerror}; {length} bytes); rename the input, or name the output",
            where=path,
            settings=("output",),
        ) from error


def _named(folder: Path) -> Path:
    return folder if folder.name not in ("", "..") else folder.resolve()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        PictureError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(
            f"cannot be made a folder ({error.strerror}); choose another place for the output",
            where=folder,
            settings=("output",),
        ) from error
