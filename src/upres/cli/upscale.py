"""`upres upscale`: files in, larger files out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upres.errors import ConfigError, FailedError, PictureError, UpresError

if TYPE_CHECKING:
    from upres.upscaler import Progress, Upscaler


def upscale(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", help="Pictures, or folders of pictures.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write; for several inputs, the folder to write into. "
            "By default photo_x4.jpg beside photo.jpg, and the folder photos_x4 beside the folder photos.",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="Output side ÷ input side, any number above 1, such as 3 or 2.5. "
            "By default the model's own; the model base has 4.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A name from `upres models`, bicubic, or a .onnx or .safetensors file.")
    ] = "base",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of the output: png, jpg, webp, tif or another of `upres formats`.",
            show_default=False,
        ),
    ] = None,
    quality: Annotated[int, typer.Option(help="1 to 100, of JPEG and WebP.")] = 95,
    overwrite: Annotated[
        bool, typer.Option("--overwrite/--no-overwrite", help="Replace an output that exists.")
    ] = False,
    tile: Annotated[
        int | None,
        typer.Option(
            help="Side of a tile in pixels: smaller needs less memory, the result is the same.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads to use; by default all cores.", show_default=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more about model and time.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")] = False,
) -> None:
    """Make pictures larger."""
    from upres.upscaler import load

    if not 1 <= quality <= 100:
        raise ConfigError(f"--quality {quality}: should be from 1 to 100")
    upscaler = load(model, scale=scale, threads=threads, tile=tile)
    jobs = _jobs(inputs, output, label=f"_x{upscaler.scale:g}", form=form)
    if verbose:
        print(f"model {_described(upscaler)}", file=sys.stderr)
    failed = 0
    for number, job in enumerate(jobs, start=1):
        title = f"[{number}/{len(jobs)}] {job.source.name}" if len(jobs) > 1 else job.source.name
        try:
            with _progress(title, shown=sys.stderr.isatty() and not quiet) as progress:
                report = _run(job, upscaler, quality, overwrite, progress)
        except UpresError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            print(f"upres: {error}", file=sys.stderr)
            continue
        if not quiet:
            print(report.line)
        if verbose:
            print(report.details, file=sys.stderr)
    if failed:
        raise FailedError(f"{failed} of {len(jobs)} pictures could not be enlarged; the reasons stand above")


@dataclass(frozen=True)
class _Job:
    source: Path
    target: Path
    makes_folder: bool


@dataclass(frozen=True)
class _Report:
    line: str
    details: str


def _run(job: _Job, upscaler: Upscaler, quality: int, overwrite: bool, progress: Progress | None) -> _Report:
    from upres.image import check_writable, peak, read, write

    if job.target.exists() and not overwrite:
        raise PictureError(f"{job.target}: exists already; give --overwrite to replace it, or another --output")
    began = time.perf_counter()
    picture = read(job.source)
    if job.makes_folder:
        _make_folder(job.target.parent)
    height, width = upscaler.size(picture.height, picture.width)
    alpha = picture.alpha is not None and bool((picture.alpha < peak(picture.alpha.dtype)).any())
    check_writable(job.target, height=height, width=width, alpha=alpha)  # before the long part
    decoded = time.perf_counter()
    enlarged = upscaler.picture(picture, progress=progress)
    predicted = time.perf_counter()
    write(enlarged, job.target, quality=quality)
    ended = time.perf_counter()
    name = upscaler.predictors[0].facts.name
    return _Report(
        line=f"{job.source} {picture.width}×{picture.height} → {job.target} {width}×{height}, "
        f"{name} ×{upscaler.scale:g}, {ended - began:.2f} s",
        details=f"  read {decoded - began:.2f} s, enlarge {predicted - decoded:.2f} s "
        f"(tiles: {upscaler.tiles(picture.height, picture.width)}), write {ended - predicted:.2f} s",
    )


def _jobs(inputs: Sequence[Path], output: Path | None, *, label: str, form: str | None) -> list[_Job]:
    """Decide what is written where, before anything is.

    Raises:
        PictureError: an empty folder, or two inputs with one output.
        ConfigError: options that contradict each other.
    """
    one_file = len(inputs) == 1 and not inputs[0].is_dir()
    if one_file and output is not None and not output.is_dir():
        if form is not None and output.suffix.lower() != _suffix(form):
            raise ConfigError(f"--format {form} and --output {output} disagree; give only one of them")
        return [_Job(inputs[0], output, makes_folder=False)]
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output}: is a file; several inputs are written into a folder")
    jobs = []
    for source in inputs:
        if source.is_dir():
            folder = output or _named(source).with_name(f"{_named(source).name}{label}")
            jobs += [_job(path, folder, label, form) for path in _pictures(source)]
        else:
            jobs.append(_job(source, output or source.parent, label, form))
    first: dict[Path, Path] = {}
    for job in jobs:
        other = first.setdefault(job.target, job.source)
        if other != job.source:
            raise PictureError(
                f"{other} and {job.source} would both be written to {job.target}; "
                "enlarge them one at a time, with an --output each"
            )
    return [_Job(source, target, makes_folder=True) for target, source in first.items()]


def _job(source: Path, folder: Path, label: str, form: str | None) -> _Job:
    from upres.image.formats import WRITTEN

    kept = source.suffix if source.suffix.lower() in WRITTEN else ".png"
    suffix = kept if form is None else _suffix(form)
    return _Job(source, folder / f"{source.stem}{label}{suffix}", makes_folder=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{folder}: cannot be made a folder ({error.strerror}); choose another --output") from error


def _suffix(form: str) -> str:
    from upres.errors import nearest
    from upres.image.formats import WRITTEN

    suffix = f".{form.lower().removeprefix('.')}"
    if suffix not in WRITTEN:
        raise ConfigError(f"--format {form}: {nearest(form, [name[1:] for name in WRITTEN])}")
    return suffix


def _pictures(folder: Path) -> list[Path]:
    from upres.image import picture_files

    found = picture_files(folder)
    if not found:
        raise PictureError(f"{folder}: no pictures in this folder; give one that has some, or a file")
    return found


def _named(folder: Path) -> Path:
    return folder if folder.name not in ("", "..") else folder.resolve()


def _described(upscaler: Upscaler) -> str:
    steps = (
        f"{predictor.facts.name} ×{predictor.facts.scale} ({predictor.facts.parameters:,} parameters)"
        for predictor in upscaler.predictors
    )
    return f"{', then '.join(steps)}; result ×{upscaler.scale:g}"


@contextmanager
def _progress(title: str, *, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what draws the progress on the terminal's current line, which is empty again afterwards."""
    if not shown:
        yield None
        return
    began = time.monotonic()

    def draw(done: int, total: int) -> None:
        left = (time.monotonic() - began) / done * (total - done)
        print(f"\r\x1b[K{title} {100 * done // total} %, {left:.0f} s left", end="", file=sys.stderr, flush=True)

    try:
        yield draw
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
