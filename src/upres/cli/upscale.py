"""`upres upscale`: files in, larger files out."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upres.cli.exit_codes import printable, with_options
from upres.cli.progress_line import show
from upres.config.limits import MAX_FRAMES, MAX_PIXELS
from upres.errors import ConfigError, FailedError, UpresError

if TYPE_CHECKING:
    from upres.upscaling.batch import BatchSettings, Job, JobProgress, Manifest, Outcome
    from upres.upscaling.loading import Options, Upscalers
    from upres.upscaling.upscaler import Upscaler


def upscale(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Pictures, or folders of pictures and of folders; - reads standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write, - for standard output; for several inputs, the folder to write into. "
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
    width: Annotated[int | None, typer.Option(help="Width of the output in pixels.", show_default=False)] = None,
    height: Annotated[int | None, typer.Option(help="Height of the output in pixels.", show_default=False)] = None,
    fit: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Largest size that fits this box, such as 3840x2160.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A name from `upres models`, bicubic, or a .onnx or .safetensors file.",
            show_default="base; base-photo for JPEG and WebP",
        ),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Average the 8 flips and turns: 8 times the work, a little better.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    backend: Annotated[str, typer.Option(help="auto, onnx, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32, bf16, fp16, int8, or auto.")] = "fp32",
    form: Annotated[
        str | None,
        typer.Option("--format", help="Format of the output: png, jpg, webp, tif, …", show_default=False),
    ] = None,
    quality: Annotated[int, typer.Option(help="1 to 100, of JPEG, WebP, AVIF and JPEG XL.")] = 95,
    lossless: Annotated[bool, typer.Option("--lossless", help="Make WebP, AVIF and JPEG XL lossless.")] = False,
    background: Annotated[
        str | None,
        typer.Option(
            help="Lay transparent pictures on this colour: white, black, gray or #rrggbb. JPEG, BMP and PPM need it.",
            show_default=False,
        ),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(help="Refuse larger pictures, by their header, before they are decoded.")
    ] = MAX_PIXELS,
    max_frames: Annotated[
        int, typer.Option(help="Refuse files of more frames or pages, before they are decoded.")
    ] = MAX_FRAMES,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse odd data, of which otherwise a warning tells.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite/--no-overwrite", help="Replace an output that exists.")
    ] = False,
    skip_existing: Annotated[
        bool | None,
        typer.Option(
            "--skip-existing/--no-skip-existing",
            help="Pass over what has an output already: by default in folders, where it makes a second run go on.",
            show_default=False,
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="In folders, take only names or paths like *.jpg.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="In folders, leave out names or paths like thumbs/*.", show_default=False),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="File of JSON lines, one for each picture; of folders, by default upres-manifest.jsonl in the output.",
            show_default=False,
        ),
    ] = None,
    max_memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Stay below this much memory, such as 800MB; tiles follow from it.")
    ] = "1GB",
    tile: Annotated[
        int | None,
        typer.Option(
            help="Side of a tile in pixels: smaller needs less memory, the result is the same.",
            show_default=False,
        ),
    ] = None,
    halo: Annotated[
        int | None,
        typer.Option(help="Pixels seen around a tile; fewer than the model needs are faster and leave seams."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads to use; by default all cores.", show_default=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more about model and time.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")] = False,
) -> None:
    """Make pictures larger."""
    from upres.image.background import parse_colour
    from upres.upscaling.batch import BatchSettings
    from upres.upscaling.loading import Upscalers
    from upres.upscaling.memory import parse_memory
    from upres.upscaling.pipeline import Settings
    from upres.upscaling.sizes import Size, box

    if not 1 <= quality <= 100:
        raise ConfigError(f"--quality {quality}: should be from 1 to 100")
    if max_pixels < 1:
        raise ConfigError(f"--max-pixels {max_pixels}: should be at least 1")
    if max_frames < 1:
        raise ConfigError(f"--max-frames {max_frames}: should be at least 1")
    size = Size(scale, width, height, None if fit is None else box(fit))
    colour = None if background is None else parse_colour(background)
    files = Settings(
        quality=quality,
        lossless=lossless,
        max_pixels=max_pixels,
        max_frames=max_frames,
        strict=strict,
        background=colour,
    )
    settings = BatchSettings(files, overwrite=overwrite, skip_existing=skip_existing)
    options: Options = {"tile": tile, "halo": halo, "max_memory": parse_memory(max_memory), "ensemble": ensemble}
    options |= {"threads": threads, "device": device, "backend": backend, "precision": precision}
    upscalers = Upscalers(model, size, **options)
    if Path("-") in inputs or output == Path("-"):
        _through_pipes(inputs, output, upscalers, settings, form)
        return
    made_with: dict[str, object] = {
        "model": model,
        "size": [scale, width, height, fit],
        "ensemble": ensemble,
        "precision": precision,
        "halo": halo,
        "quality": quality,
        "lossless": lossless,
        "background": background,
    }
    _upscale(
        inputs, output, upscalers, settings, form, include or [], exclude or [], manifest, verbose, quiet, made_with
    )


def _upscale(
    inputs: list[Path],
    output: Path | None,
    upscalers: Upscalers,
    settings: BatchSettings,
    form: str | None,
    include: list[str],
    exclude: list[str],
    manifest: Path | None,
    verbose: bool,
    quiet: bool,
    made_with: dict[str, object],
) -> None:
    from upres.upscaling.batch import find_jobs
    from upres.upscaling.batch.engines.local import run

    own = upscalers.for_picture(1, 1) if upscalers.size.fixed else None
    label = upscalers.size.label if own is None else f"_x{own.scale:g}"
    jobs = find_jobs(inputs, output, label=label, form=form, include=include, exclude=exclude)
    if verbose and own is not None:
        print(f"model {_described(own)}", file=sys.stderr)
    log = _log(jobs, manifest, made_with)
    done, began = _Tally(), time.monotonic()
    try:
        with _bar(jobs, shown=sys.stderr.isatty() and not quiet) as bar:
            for outcome in run(jobs, upscalers, settings, progress=bar):
                if log is not None:
                    log.add(outcome)
                    done.compare(log.differing(outcome))
                if outcome.error is not None and len(jobs) == 1:
                    raise outcome.error
                done.add(outcome)
                _tell(outcome, verbose=verbose, quiet=quiet)
    except KeyboardInterrupt:
        if len(jobs) > 1:
            print(f"upres: {done.line(len(jobs))}; the same command again does the rest", file=sys.stderr)
        raise
    finally:
        if log is not None:
            log.close()
    if not quiet:
        done.say_what_differs()
        if any(job.found for job in jobs) or (verbose and len(jobs) > 1):
            print(f"upres: {done.line(len(jobs))}, {time.monotonic() - began:.1f} s", file=sys.stderr)
    if done.failed:
        raise FailedError(f"{done.failed} of {len(jobs)} pictures could not be enlarged; the reasons stand above")


class _Tally:
    """How many pictures came to what."""

    def __init__(self) -> None:
        self.enlarged = self.skipped = self.failed = 0
        self._otherwise = 0
        self._differing: dict[str, None] = {}
        self._warned = False

    def add(self, outcome: Outcome) -> None:
        self.failed += outcome.error is not None
        self.skipped += outcome.skipped
        self.enlarged += outcome.error is None and not outcome.skipped
        worst = outcome.summary.worst_difference if outcome.summary is not None else 0.0
        if worst > 0 and not self._warned:
            self._warned = True
            print(
                "upres: warning: tiles do not see all that the model looks at, and may differ from the whole picture "
                f"by up to {255 * worst:.1f} of 255 levels (measured on noise and edges); "
                "leave out --halo, or raise --max-memory, for exact ones",
                file=sys.stderr,
            )

    def compare(self, differing: Sequence[str]) -> None:
        """Count an output that is there and was made by other settings."""
        self._otherwise += bool(differing)
        self._differing.update(dict.fromkeys(differing))

    def say_what_differs(self) -> None:
        """Say which settings those are: what is there is not replaced unasked, and not taken for what was asked."""
        if self._otherwise:
            print(
                f"upres: warning: {self._otherwise} of those that are there already were made with another "
                f"{', '.join(self._differing)}; --overwrite makes them anew, -o makes these elsewhere",
                file=sys.stderr,
            )

    def line(self, total: int) -> str:
        return f"{self.enlarged} of {total} pictures enlarged, {self.skipped} there already, {self.failed} failed"


def _log(jobs: list[Job], manifest: Path | None, made_with: dict[str, object]) -> Manifest | None:
    from upres.upscaling.batch import MANIFEST, Manifest

    if manifest is None:
        roots = [job.root for job in jobs if job.found and job.root is not None]
        manifest = roots[0] / MANIFEST if roots else None
    return None if manifest is None else Manifest(manifest, made_with)


def _tell(outcome: Outcome, *, verbose: bool, quiet: bool) -> None:
    job, summary = outcome.job, outcome.summary
    if sys.stderr.isatty():
        show("")  # the progress line, which the next tile draws again
    source, target = printable(str(job.source)), printable(str(job.target))
    if outcome.error is not None:
        print(f"upres: {printable(with_options(outcome.error))}", file=sys.stderr)
        return
    if outcome.skipped:
        if verbose:
            print(f"{target}: there already, passed over", file=sys.stderr)
        return
    assert summary is not None
    if not quiet:
        for warning in outcome.warnings:
            print(f"upres: warning: {source}: {printable(warning)}", file=sys.stderr)
        (height, width), (large_height, large_width) = summary.input, summary.output
        pages = f"{summary.pages} pictures, " if summary.pages > 1 else ""
        print(
            f"{source} {width}×{height} → {target} {large_width}×{large_height}, {pages}"
            f"{summary.model} ×{summary.scale:g}, {outcome.seconds:.2f} s",
            flush=True,
        )
    if verbose:
        print(f"  tiles: {summary.tiles}", *summary.changes, sep="\n  ", file=sys.stderr)


def _through_pipes(
    inputs: list[Path], output: Path | None, upscalers: Upscalers, settings: BatchSettings, form: str | None
) -> None:
    """Enlarge one picture that comes from standard input, goes to standard output, or both."""
    import shutil
    import tempfile

    from upres.upscaling.batch import Job
    from upres.upscaling.pipeline import enlarge

    if len(inputs) != 1:
        raise ConfigError("- stands for one picture; give it alone")
    to_stdout = output in (None, Path("-"))
    if to_stdout and sys.stdout.isatty():
        raise ConfigError("standard output is a terminal, and a picture is no text; send it on with > or |, or give -o")
    with tempfile.TemporaryDirectory(prefix="upres-") as name:
        source, target = inputs[0], output
        shown: dict[str | None, object] = {}  # what a person knows temporary files as
        if source == Path("-"):
            # Formats are read from their end as much as from their beginning, so what comes is put on disk first.
            source = Path(name) / "in"
            shown[str(source)] = "standard input"
            with source.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            opened = settings.files.opened(source)
            if target is None or to_stdout:
                target = Path(name) / f"out{_piped_suffix(opened.header.format, form)}"
                shown[str(target)] = "standard output"
            job = Job(source, target)
            if settings.skips(job):
                return
            settings.check(job)
            upscaler = upscalers.for_picture(*opened.shape.size, opened.header.format)
            enlarge(opened, settings.files.sink(target), upscaler.enlargement)
        except UpresError as error:
            raise (error.at(shown[error.where]) if error.where in shown else error) from error
        if to_stdout:
            with target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _piped_suffix(source: str, form: str | None) -> str:
    """Return the suffix of what goes to standard output: as asked for, or that of the source's format."""
    from upres.image.codecs.table import FORMATS
    from upres.upscaling.batch import suffix_of

    if form is not None:
        return suffix_of(form)
    own = {kind.name: kind for kind in FORMATS.values()}[source]
    return own.suffixes[0] if own.written else ".png"


def _described(upscaler: Upscaler) -> str:
    steps = (
        f"{predictor.facts.name} ×{predictor.facts.scale} ({predictor.facts.parameters:,} parameters"
        f"{f', {predictor.how}' if predictor.how else ''})"
        for predictor in upscaler.predictors
    )
    return f"{', then '.join(steps)}; result ×{upscaler.scale:g}"


@contextmanager
def _bar(jobs: list[Job], *, shown: bool) -> Iterator[JobProgress | None]:
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
            f"{printable(title)} {100 * share:.0f} %, {sum(megapixels.values()) / max(spent, 1e-9):.2f} megapixels/s, "
            f"{_time(spent * (1 - overall) / overall)} left"
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


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
