"""A film → numbered pictures, each whole or not there, and a file of their times."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from upres.image.prefetch import LONGEST_WAIT, Prefetch
from upres.image.writing import write
from upres.storage.atomic import write_whole
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.tile_memory import TileMemory
from upres.video.decoding import Decoded, Faults, decoded
from upres.video.enlarging import FilmSettings, pictures_in, with_missing
from upres.video.opening import Film
from upres.video.predicting import predicted, tiled
from upres.video.progress import Advance, FilmProgress, FilmSummary
from upres.video.repeats import tile_for

TIMES = "timecodes.txt"
"""The times of the pictures in milliseconds, a line each, as mkvmerge and others read them (timecode format v2)."""


def numbered(target: Path, number: int) -> Path:
    """Return the path of a picture: `frames/%06d.png` → `frames/000001.png`."""
    return target.with_name(target.name % number)


def write_sequence(
    film: Film,
    target: Path,
    enlargements: tuple[Enlargement, ...],
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
    shown: list[int] = []
    pictures = decoded(film, faults, part=settings.part, deinterlace=settings.deinterlace)
    used = tiled(enlargements, tile_for(film, enlargements[0], settings.part))
    memory = TileMemory(enlargements[0].max_memory // 4 if settings.reuse else 0, at_once=len(used))
    done, total = there, pictures_in(film, settings.part)
    pending: deque[Future[None]] = deque()

    def written() -> None:
        nonlocal done
        while not wait((pending[0],), LONGEST_WAIT).done:
            pass
        pending.popleft().result()
        done += 1
        if progress is not None:
            progress(Advance(done, total, there, time.monotonic() - began, 0))

    with (
        Prefetch(pictures, len(used) + 1) as ahead,
        ThreadPoolExecutor(len(used), "upres-write") as coders,
        contextlib.closing(
            predicted(used, _missing(ahead, there, shown), memory, lambda: lambda picture: picture)
        ) as sr,
    ):
        for number, (_, picture) in enumerate(sr, there + 1):
            path = numbered(target, number)
            pending.append(coders.submit(write, picture, path, quality=quality, lossless=lossless))
            if len(pending) > len(used):
                written()
        while pending:
            written()
    times = [each * film.time_base for each in shown]
    first = settings.part.start
    lines = ["# timecode format v2", *(f"{float((each - film.start - first) * 1000):.3f}" for each in times)]
    write_whole(target.with_name(TIMES), "\n".join([*lines, ""]))
    return FilmSummary(
        input=(film.height, film.width),
        output=used[0].size(film.height, film.width),
        pictures=done,
        resumed=there,
        codec=target.suffix[1:],
        kept=(),
        notes=(*film.notes, f"their times are in {TIMES}; sound and all else stay in the film"),
        faults=tuple(with_missing(film, faults, done, settings.part)),
        seconds=time.monotonic() - began,
        repeated=memory.reused / max(1, memory.reused + memory.made),
    )


def _missing(pictures: Iterable[Decoded], there: int, times: list[int]) -> Iterator[Decoded]:
    """Yield the pictures that are not there yet; note when each is shown."""
    for each in pictures:
        times.append(each.time)
        if len(times) > there:
            yield each
