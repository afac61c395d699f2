"""`upres.video.upscale`: a film in, a larger film out; and `frames`, its pictures for one's own pipeline."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from upres.errors import extra
from upres.image.picture import Picture
from upres.image.prefetch import Prefetch
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.sizes import Size
from upres.upscaling.tile_memory import TileMemory
from upres.video.models import film_model, film_options
from upres.video.options import SEGMENT, FilmOptions, seconds
from upres.video.progress import FilmProgress, FilmSummary
from upres.video.table import suffix_like


@dataclass(frozen=True)
class Frame:
    """A picture of a film.

    Attributes:
        time: when it is shown, in seconds, exactly as the file says.
        picture: it, enlarged.
    """

    time: Fraction
    picture: Picture


def upscale(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    start: float | Fraction = 0,
    end: float | Fraction | None = None,
    deinterlace: bool = False,
    matrix: str | None = None,
    overwrite: bool = False,
    segment: int = SEGMENT,
    reuse: bool = True,
    progress: FilmProgress | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[Options],
) -> FilmSummary:
    """Enlarge a film; its times, sound, subtitles, chapters, attachments and tags go over as they are.

    A run that was stopped or killed goes on where it ended when it is begun again with the same arguments.

    Args:
        source: the film.
        output: the file to write, whose suffix says the container, or numbered pictures such as `frames/%06d.png`; by
            default `film_x4.mkv` beside `film.mkv`.
        scale, width, height, fit: as in `upres.upscale`.
        model: as in `upres.load`, or `video` for the one that flickers least; by default `base`.
        codec: `h264`, `h265`, `av1`, `vp9`, `prores` or `ffv1`; by default what the container usually has and what
            loses nothing of the film.
        crf, preset: the encoder's constant rate factor and speed; by default such that the loss is not seen.
        pix_fmt: FFmpeg's name of the pixel format; by default one with the film's bits and colour resolution.
        start, end: seconds between which pictures are taken; times then begin at 0.
        deinterlace: weave the fields of interlaced pictures into whole ones.
        matrix: `601`, `709` or `2020`, whatever the film says.
        overwrite: replace an output that exists.
        segment: pictures that a killed run loses at most.
        reuse: predict what repeats from picture to picture once; the result is the same.
        progress: called after every picture.
        cancel: once it is set, the work stops; what is done is kept.
        options: as in `upres.load`; detail is 0 unless it is given.

    Raises:
        PictureError: the film cannot be read, or is of a kind that upres does not enlarge.
        ConfigError: what was asked for does not go together, or would lose something; nothing was begun.
        ModelError, MissingExtraError: as `upres.load`.
        FailedError: a tile, the encoder or the disk failed; what is done is kept for the next run.
        CancelledError: `cancel` was set.
    """
    with extra("video", "enlarging a film"):
        from upres.video.planning import check_target, plan_film, run_plan

    path = Path(os.fspath(source))
    upscalers = Upscalers(film_model(model), Size(scale, width, height, fit), **film_options(options))
    target = path.with_name(f"{path.stem}{upscalers.label}{suffix_like(path)}") if output is None else Path(output)
    asked = FilmOptions(
        codec=codec,
        crf=crf,
        preset=preset,
        pix_fmt=pix_fmt,
        start=seconds(start),
        end=None if end is None else seconds(end),
        deinterlace=deinterlace,
        matrix=matrix,
        segment=segment,
        reuse=reuse,
        overwrite=overwrite,
    )
    plan = plan_film(path, target, upscalers, asked, {"model": str(model), **{k: str(v) for k, v in options.items()}})
    check_target(target, asked)
    return run_plan(plan, progress=progress, cancel=cancel)


def frames(
    source: str | os.PathLike[str],
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    start: float | Fraction = 0,
    end: float | Fraction | None = None,
    deinterlace: bool = False,
    matrix: str | None = None,
    **options: Unpack[Options],
) -> Generator[Frame, None, None]:
    """Yield a film's pictures enlarged, each with its time, while the next is decoded.

    Args:
        source: the film.
        scale, width, height, fit: as in `upres.upscale`.
        model: as in `upres.video.upscale`.
        start, end: seconds between which pictures are taken.
        deinterlace, matrix: as in `upres.video.upscale`.
        options: as in `upres.load`; detail is 0 unless it is given.

    Raises:
        PictureError: the film cannot be read.
        ModelError, ConfigError, MissingExtraError: as `upres.load`.
        NonFiniteError: a tile became NaN or infinite.
    """
    with extra("video", "reading a film"):
        from upres.video.decoding import Faults, Range, decoded
        from upres.video.opening import open_film
        from upres.video.predicting import enlargements_for, predicted

    film = open_film(Path(os.fspath(source)), matrix=matrix)
    upscalers = Upscalers(film_model(model), Size(scale, width, height, fit), **film_options(options))
    used = enlargements_for(upscalers, film)
    part = Range(seconds(start), None if end is None else seconds(end))
    memory = TileMemory(used[0].max_memory // 4, at_once=len(used))
    with (
        Prefetch(decoded(film, Faults(), part=part, deinterlace=deinterlace), len(used) + 1) as ahead,
        contextlib.closing(predicted(used, ahead, memory, lambda: lambda picture: picture)) as sr,
    ):
        for timed, picture in sr:
            yield Frame(timed.time * film.time_base, picture)
