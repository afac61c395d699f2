"""`upres upscale`: files in, larger files out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upres.cli.films import FilmWords, enlarge_films, split
from upres.cli.outcomes import Account, bar, say_what_is_unportable, say_what_was_left_out
from upres.cli.pipes import PIPE, through_pipes
from upres.cli.terminal import say
from upres.config.limits import MAX_FRAMES, MAX_PIXELS
from upres.errors import ConfigError, FailedError, PictureError, nearest

if TYPE_CHECKING:
    from upres.upscaling.batch import BatchSettings, Job, Manifest, Shard
    from upres.upscaling.loading import Options, Upscalers

# Groups of options in the help; those of no group come first.
_SIZE = "Size"
_LOOK = "Look"
_OUTPUT = "Output"
_FOLDERS = "Folders"
_FILMS = "Films"
_LIMITS = "Limits"
_MACHINE = "Speed and machine"
_MESSAGES = "Messages"
_ENGINES = ("local", "ray")


def upscale(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT",
            help="Pictures, films, or folders of pictures and of folders; - reads standard input. s3://, gs:// and "
            "az:// are buckets; of http:// and https:// single pictures are read.",
            show_default=False,
        ),
    ] = None,
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
        str | None,
        typer.Option(
            metavar="TIMES",
            help="Output side ÷ input side, any number above 1, such as 3, 2.5 or 4x. "
            "By default the model's own; the model base has 4.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Width of the output in pixels.", show_default=False, rich_help_panel=_SIZE)
    ] = None,
    height: Annotated[
        int | None, typer.Option(help="Height of the output in pixels.", show_default=False, rich_help_panel=_SIZE)
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            help="Largest size that fits this box, such as 3840x2160.",
            show_default=False,
            rich_help_panel=_SIZE,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="A name from `upres models`, bicubic, or a .onnx or .safetensors file.",
        ),
    ] = "base",
    denoise: Annotated[
        str,
        typer.Option(
            metavar="0…1|auto",
            help="How much of compression to take away: 0 for clean pictures, 1 for hard compressed ones; auto: what "
            "each file says.",
            rich_help_panel=_LOOK,
        ),
    ] = "auto",
    detail: Annotated[
        float | None,
        typer.Option(
            metavar="0…1",
            help="0: as near to the truth as can be; 1: with the detail that it may have had. Models that have it give "
            "1 unless told.",
            show_default=False,
            rich_help_panel=_LOOK,
        ),
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble/--no-ensemble",
            help="Average the 8 flips and turns: 8 times the work, a little better.",
            rich_help_panel=_LOOK,
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="Format of the output: png, jpg, webp, tif, …", show_default=False, rich_help_panel=_OUTPUT
        ),
    ] = None,
    quality: Annotated[
        int, typer.Option(help="1 to 100, of JPEG, WebP, AVIF and JPEG XL.", rich_help_panel=_OUTPUT)
    ] = 95,
    lossless: Annotated[
        bool,
        typer.Option("--lossless/--no-lossless", help="Make WebP, AVIF and JPEG XL lossless.", rich_help_panel=_OUTPUT),
    ] = False,
    background: Annotated[
        str | None,
        typer.Option(
            help="Lay transparent pictures on this colour: white, black, gray or #rrggbb. JPEG, BMP and PPM need it.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    max_pixels: Annotated[
        int,
        typer.Option(help="Refuse larger pictures, by their header, before they are decoded.", rich_help_panel=_LIMITS),
    ] = MAX_PIXELS,
    max_frames: Annotated[
        int,
        typer.Option(help="Refuse files of more frames or pages, before they are decoded.", rich_help_panel=_LIMITS),
    ] = MAX_FRAMES,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--no-strict", help="Refuse odd data, of which otherwise a warning tells.", rich_help_panel=_LIMITS
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite/--no-overwrite", help="Replace an output that exists.", rich_help_panel=_OUTPUT)
    ] = False,
    skip_existing: Annotated[
        bool | None,
        typer.Option(
            "--skip-existing/--no-skip-existing",
            help="Pass over what has an output already: by default in folders, where it makes a second run go on.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="In folders, take only names or paths like *.jpg.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="In folders, leave out names or paths like thumbs/*.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LIST|TIME",
            help="Take the names in this file, one a line or a column of Parquet; - is standard input. They are below "
            "INPUT, or whole paths and addresses. Of a film: begin at 90, 1.5s or 1:02:03.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/COUNT",
            help="Do only this part of the pictures, such as 3/16, by their names; auto in a Slurm array, auto/16 in "
            "an indexed Kubernetes Job.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="File of JSON lines, one for each picture; of folders, by default upres-manifest.jsonl in the output.",
            show_default=False,
            rich_help_panel=_FOLDERS,
        ),
    ] = None,
    video: Annotated[
        bool,
        typer.Option("--video/--no-video", help="In folders, take films too.", rich_help_panel=_FILMS),
    ] = False,
    codec: Annotated[
        str | None,
        typer.Option(
            help="h264, h265, av1, vp9, prores or ffv1; by default what the container usually holds and what loses "
            "nothing.",
            show_default=False,
            rich_help_panel=_FILMS,
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            help="Constant rate factor of the codec: less is better and larger. By default the loss is not seen.",
            show_default=False,
            rich_help_panel=_FILMS,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Speed of the codec, by its own names.", show_default=False, rich_help_panel=_FILMS),
    ] = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            help="Pixel format, by FFmpeg's names; by default one with the film's bits and colour resolution.",
            show_default=False,
            rich_help_panel=_FILMS,
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Of a film: end there.", show_default=False, rich_help_panel=_FILMS),
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Take so much, such as 10s, from the beginning or from --from on.",
            show_default=False,
            rich_help_panel=_FILMS,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be made, how large and how soon.", rich_help_panel=_FILMS),
    ] = False,
    deinterlace: Annotated[
        bool,
        typer.Option(
            "--deinterlace/--no-deinterlace",
            help="Weave the fields of interlaced pictures into whole ones.",
            rich_help_panel=_FILMS,
        ),
    ] = False,
    matrix: Annotated[
        str | None,
        typer.Option(
            help="Matrix of the colours, whatever the film says: 601, 709 or 2020.",
            show_default=False,
            rich_help_panel=_FILMS,
        ),
    ] = None,
    max_memory: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="Stay below this much memory, such as 800MB; tiles follow from it.",
            rich_help_panel=_LIMITS,
        ),
    ] = "1GB",
    device: Annotated[
        str, typer.Option(help="auto, cpu, gpu, cuda, mps, dml, coreml or npu.", rich_help_panel=_MACHINE)
    ] = "auto",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="The GPU of this machine, or an answer why not.", rich_help_panel=_MACHINE)
    ] = False,
    backend: Annotated[str, typer.Option(help="auto, onnx, openvino or torch.", rich_help_panel=_MACHINE)] = "auto",
    precision: Annotated[
        str, typer.Option(help="near, fp32, bf16, fp16, int8, or auto.", rich_help_panel=_MACHINE)
    ] = "near",
    tile: Annotated[
        int | None,
        typer.Option(
            help="Side of a tile in pixels: smaller needs less memory, the result is the same.",
            show_default=False,
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    halo: Annotated[
        int | None,
        typer.Option(
            help="Pixels seen around a tile; fewer than the model needs are faster and leave seams.",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads to use; by default all cores.", show_default=False, rich_help_panel=_MACHINE),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="What does many pictures: local, or ray for a cluster.", rich_help_panel=_MACHINE),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster, such as auto or ray://head:10001; without it, one of this machine's own.",
            show_default=False,
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say more about model and time.", rich_help_panel=_MESSAGES)
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.", rich_help_panel=_MESSAGES)] = False,
    no_config: Annotated[
        bool,
        typer.Option(
            "--no-config",
            help="Leave upres.toml files and UPRES_ variables aside; upres config show says what they set.",
            rich_help_panel=_MACHINE,
        ),
    ] = False,
) -> None:
    """Make pictures and films larger."""
    del no_config  # it decides what the others are where they are not given
    from upres.config.amounts import parse_memory, parse_scale
    from upres.image.background import parse_colour
    from upres.storage.places import address_of
    from upres.upscaling.batch import BatchSettings, Shard, parse_shard, weights
    from upres.upscaling.loading import Upscalers
    from upres.upscaling.pipeline import Settings
    from upres.upscaling.sizes import Size, box

    _check(quality, max_pixels, max_frames, engine, address, manifest)
    if gpu:
        device = _gpu(device)
    inputs = inputs or []
    if not inputs and from_ is None:
        raise ConfigError("INPUT: is missing; see upres upscale --help")
    part = Shard() if shard is None else parse_shard(shard)
    times = None if scale is None else parse_scale(scale)
    size = Size(times, width, height, None if fit is None else box(fit))
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
    words = FilmWords(codec, crf, preset, pix_fmt, None, end, preview, dry_run, deinterlace, matrix)
    pictures, films = split(inputs, words, video=video)
    words, listed = (replace(words, start=from_), None) if films else (words, from_)
    addresses = any(address_of(each) is not None for each in (*inputs, *([] if output is None else [output])))
    options: Options = {"tile": tile, "halo": halo, "max_memory": parse_memory(max_memory), "ensemble": ensemble}
    options |= {"threads": threads, "device": device, "backend": backend, "precision": precision}
    options |= _corner(denoise, detail)
    upscalers = Upscalers(model, size, **options)
    if (PIPE in inputs or output == PIPE) and not addresses:
        through_pipes(inputs, output, upscalers, settings, form)
        return
    made_with: dict[str, object] = {
        "model": model,
        "denoise": denoise,
        "detail": detail,
        "size": [times, width, height, fit],
        "ensemble": ensemble,
        "precision": precision,
        "halo": halo,
        "quality": quality,
        "lossless": lossless,
        "background": background,
        "weights": weights(model),
    }
    patterns = (include or [], exclude or [])
    if films and pictures and output is not None and not output.is_dir() and output.suffix:
        raise ConfigError("is one file, and there are pictures and films; name a folder", where=output)
    if addresses or listed is not None or (engine == "ray" and pictures):
        from upres.cli.streams import Asked, upscale_stream

        asked = Asked(model, size, options, settings, engine, address)
        upscale_stream(
            pictures, output, listed, upscalers, asked, form, patterns, part, manifest, verbose, quiet, made_with
        )
    elif pictures:
        _upscale(pictures, output, upscalers, settings, form, patterns, part, manifest, verbose, quiet, made_with)
    if films:
        from upres.video.models import film_model, film_options

        of_films = Upscalers(film_model(model), size, **film_options(options))
        enlarge_films(films, output, of_films, settings, words, made_with, verbose=verbose, quiet=quiet)


def _check(
    quality: int, max_pixels: int, max_frames: int, engine: str, address: str | None, manifest: Path | None
) -> None:
    from upres.upscaling.batch.columns import is_parquet

    if not 1 <= quality <= 100:
        raise ConfigError(f"--quality {quality}: should be from 1 to 100")
    if max_pixels < 1:
        raise ConfigError(f"--max-pixels {max_pixels}: should be at least 1")
    if max_frames < 1:
        raise ConfigError(f"--max-frames {max_frames}: should be at least 1")
    if engine not in _ENGINES:
        raise ConfigError(f"--engine {engine}: {nearest(engine, _ENGINES)}")
    if address is not None and engine != "ray":
        raise ConfigError("--address is that of a Ray cluster; give --engine ray, too")
    if manifest is not None and is_parquet(manifest):
        raise ConfigError(
            "a run appends JSON lines, which no Parquet file takes; name a .jsonl file, of which upres manifest merge "
            "makes one",
            where=manifest,
        )


def _gpu(device: str) -> str:
    if device not in ("auto", "gpu"):
        raise ConfigError(f"--gpu and --device {device} are both given, and one of them decides; leave one out")
    return "gpu"


def _position(denoise: str) -> float:
    with contextlib.suppress(ValueError):
        return float(denoise)
    raise ConfigError(f"--denoise {denoise}: should be a number from 0 to 1, or auto")


def _upscale(
    inputs: list[Path],
    output: Path | None,
    upscalers: Upscalers,
    settings: BatchSettings,
    form: str | None,
    patterns: tuple[list[str], list[str]],
    shard: Shard,
    manifest: Path | None,
    verbose: bool,
    quiet: bool,
    made_with: dict[str, object],
) -> None:
    from upres.upscaling.batch import find_jobs, unportable
    from upres.upscaling.batch.engines.local import run

    include, exclude = patterns
    found = find_jobs(inputs, output, label=upscalers.label, form=form, include=include, exclude=exclude)
    jobs = [job for job in found if job.original is None and shard.has(job.name)]
    if upscalers.size.fixed and (verbose or len(jobs) > 1):  # one picture says by itself what is wrong
        _load_first(jobs, upscalers, settings)
    log = _log(jobs, manifest, shard, made_with)
    settings = replace(settings, digests=log is not None)
    alone = len(jobs) == 1
    account = Account(upscalers, log, alone=alone, counted=False, verbose=verbose, quiet=quiet)
    done = account.tally

    try:
        with (
            account,
            bar(jobs, shown=sys.stderr.isatty() and not quiet) as shown,
            # Left to the garbage collector after an error, its threads would be waited for in whatever thread runs it.
            contextlib.closing(run(jobs, upscalers, settings, progress=shown)) as outcomes,
        ):
            account.take_all(outcomes)
    except KeyboardInterrupt:
        if len(jobs) > 1:
            say(f"upres: {done.line(len(jobs))}; the same command again does the rest", error=True)
        raise
    if not quiet:
        done.say_what_differs()
        say_what_was_left_out([job for job in found if job.original is not None])
        say_what_is_unportable(unportable(jobs))
        if any(job.found for job in jobs) or (verbose and len(jobs) > 1):
            say(f"upres: {done.line(len(jobs))}, {account.seconds:.1f} s", error=True)
    if done.failed:
        raise FailedError(f"{done.failed} of {len(jobs)} pictures could not be enlarged; the reasons stand above")


def _corner(denoise: str, detail: float | None) -> Options:
    options: Options = {} if denoise == "auto" else {"denoise": _position(denoise)}
    return options if detail is None else {**options, "detail": detail}


def _load_first(jobs: Sequence[Job], upscalers: Upscalers, settings: BatchSettings) -> None:
    """Load the model of the first picture that is to be enlarged: what is wrong with it is told before the work."""
    for job in jobs:
        with contextlib.suppress(PictureError):  # said when its turn comes
            if not settings.skips(job):
                opened = settings.files.opened(job.source)
                deep = opened.shape.dtype != "uint8"
                upscalers.for_picture(1, 1, upscalers.position_for(opened).position, deep=deep)
                return


def _log(jobs: list[Job], manifest: Path | None, shard: Shard, made_with: dict[str, object]) -> Manifest | None:
    from upres.upscaling.batch import Manifest, manifest_name

    if manifest is None:
        roots = [job.root for job in jobs if job.found and job.root is not None]
        manifest = roots[0] / manifest_name(shard) if roots else None
    return None if manifest is None else Manifest(manifest, made_with)
