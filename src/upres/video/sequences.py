"""A film → numbered pictures, each whole or not there, and a file of their times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from upres.image.picture import Picture
from upres.image.prefetch import Prefetch
from upres.image.writing import write
from upres.storage.atomic import write_whole
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.pages import upscale_each
from upres.video.decoding import Faults, decoded
from upres.video.enlarging import FilmSettings, pictures_in, with_missing
from upres.video.opening import Film
from upres.video.progress import Advance, FilmProgress, FilmSummary

TIMES = "timecodes.txt"
"""The times of the pictures in milliseconds, a line each, as mkvmerge and others read them (timecode format v2)."""

_WAITING = 2


def numbered(target: Path, number: int) -> Path:
    """Return the path of a picture: `frames/%06d.png` → `frames/000001.png`."""
    return target.with_name(target.name % number)


def write_sequence(
    film: Film,
    target: Path,
    enlargement: Enlargement,
    settings: FilmSettings,
    *,
    quality: int = 95,
    lossless: bool = False,
    progress: FilmProgress | None = None,
) -> FilmSummary:
    """Write a film's enlarged pictures into numbered files.

    Raises:
        PictureError: their format cannot hold them.
        FailedError: a tile or the disk failed; what is done is kept.
    """
    began = time.monotonic()
    faults = Faults()
    target.parent.mkdir(parents=True, exist_ok=True)
    there = 0
    while settings.skip_existing and not settings.overwrite and numbered(target, there + 1).exists():
        there += 1
    times: list[Fraction] = []
    pictures = decoded(film, faults, part=settings.part, deinterlace=settings.deinterlace)
    with Prefetch(pictures, _WAITING) as ahead:

        def missing() -> Iterator[Picture]:
            for each in ahead:
                times.append(each.time * film.time_base)
                if len(times) > there:
                    yield each.picture

        done = there
        with Prefetch(upscale_each(enlargement.picture, missing(), lambda _: None), _WAITING) as sr:
            for picture in sr:
                done += 1
                write(picture, numbered(target, done), quality=quality, lossless=lossless)
                if progress is not None:
                    spent = time.monotonic() - began
                    progress(Advance(done, pictures_in(film, settings.part), there, spent, 0))
    first = settings.part.start
    lines = ["# timecode format v2", *(f"{float((each - film.start - first) * 1000):.3f}" for each in times)]
    write_whole(target.with_name(TIMES), "\n".join([*lines, ""]))
    return FilmSummary(
        input=(film.height, film.width),
        output=enlargement.size(film.height, film.width),
        pictures=done,
        resumed=there,
        codec=target.suffix[1:],
        kept=(),
        notes=(*film.notes, f"their times are in {TIMES}; sound and all else stay in the film"),
        faults=tuple(with_missing(film, faults, done, settings.part)),
        seconds=time.monotonic() - began,
        repeated=0.0,
    )
