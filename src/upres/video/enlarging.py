"""A film through the models: decoded, enlarged and coded at once, segment after segment, and joined at the end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

import upres
from upres.config.limits import MAX_FRAME_PIXELS
from upres.errors import CancelledError, ConfigError, FailedError
from upres.image.mapped import trim
from upres.image.picture import Picture
from upres.image.prefetch import Prefetch
from upres.storage.atomic import whole_file
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.tile_memory import TileMemory
from upres.video.captions import Captioned
from upres.video.colours import ToYuv
from upres.video.decoding import WHOLE, Faults, Range, decoded
from upres.video.encoding import Coding, SegmentEncoder
from upres.video.joining import join
from upres.video.keeping import Kept
from upres.video.opening import Film
from upres.video.options import SEGMENT
from upres.video.predicting import Timed, predicted, tiled
from upres.video.progress import Advance, FilmProgress, FilmSummary
from upres.video.repeats import tile_for
from upres.video.segments import Parts, digest_of
from upres.video.table import Container


@dataclass(frozen=True)
class FilmSettings:
    """How a film is enlarged, its models apart.

    Attributes:
        part: which part of it.
        deinterlace: weave the fields of interlaced pictures.
        segment: pictures of a segment.
        reuse: predict what repeats once; the result is the same.
        overwrite, skip_existing: of numbered pictures: replace those that are there, or go on behind them.
    """

    part: Range = WHOLE
    deinterlace: bool = False
    segment: int = SEGMENT
    reuse: bool = True
    overwrite: bool = False
    skip_existing: bool = False


def enlarge_film(
    film: Film,
    target: Path,
    enlargements: tuple[Enlargement, ...],
    coding: Coding,
    container: Container,
    kept: Kept,
    settings: FilmSettings,
    *,
    made_with: dict[str, Any],
    progress: FilmProgress | None = None,
    cancel: threading.Event | None = None,
) -> FilmSummary:
    """Enlarge a film into a file, which appears whole or not at all.

    Args:
        film: as it was opened.
        target: the file.
        enlargements: how its pictures are enlarged; each does one at a time.
        coding: how they are coded.
        container: what they are written into.
        kept: the streams that go over.
        settings: the rest.
        made_with: what else decides about the pixels: a run with others does not go on where this one ended.
        progress: called after every picture.
        cancel: once it is set, the work stops after the picture at hand; what is done is kept for the next run.

    Raises:
        PictureError: no picture could be decoded.
        FailedError: a tile, the encoder or the disk failed; what is done is kept for the next run.
        CancelledError: `cancel` was set.
    """
    began = time.monotonic()
    enlargement = enlargements[0]
    size = checked_size(film, enlargement)
    faults = Faults()
    key = {
        "upres": upres.__version__,
        "av": av.__version__,
        "film": digest_of(film.path),
        "size": size,
        "coding": [coding.codec.name, coding.form, coding.crf, coding.preset],
        "colours": str(film.colours),
        "part": [str(settings.part.start), str(settings.part.end)],
        "deinterlace": settings.deinterlace,
        "segment": settings.segment,
        **made_with,
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = Parts(target, key)
    try:
        resumed = parts.pictures
        used = tiled(enlargements, tile_for(film, enlargement, settings.part))
        memory = TileMemory(enlargement.max_memory // 4 if settings.reuse else 0, at_once=len(used))
        coder = _Coder(film, size, coding, parts, settings)

        def told(done: int) -> None:
            if cancel is not None and cancel.is_set():
                raise CancelledError("stopped as asked; what is done is kept for the next run", where=film.path)
            if progress is not None:
                total = pictures_in(film, settings.part)
                progress(Advance(done, total, resumed, time.monotonic() - began, parts.bytes))

        told(resumed)
        lr = decoded(film, faults, part=settings.part, skip=resumed, deinterlace=settings.deinterlace)
        with (
            Prefetch(lr, len(used) + 1) as ahead,
            contextlib.closing(predicted(used, ahead, memory, partial(converter, film, coding))) as sr,
            coder,
        ):
            for number, (timed, frame) in enumerate(sr):
                coder.add(timed, frame)
                told(resumed + number + 1)
        if not parts.segments:
            raise FailedError("none of its pictures could be decoded; nothing was written", where=film.path)
        with whole_file(target) as path:
            damaged = join(film, parts.segments, kept, container, path, part=settings.part)
        done = parts.pictures
        parts.remove()
    finally:
        parts.close()
    return FilmSummary(
        input=(film.height, film.width),
        output=size,
        pictures=done,
        resumed=resumed,
        codec=coding.codec.name,
        kept=kept.said,
        notes=(*film.notes, *(f"left behind: {each}" for each in kept.left)),
        faults=(*with_missing(film, faults, done, settings.part), *damaged),
        seconds=time.monotonic() - began,
        repeated=memory.reused / max(1, memory.reused + memory.made),
    )


def checked_size(film: Film, enlargement: Enlargement) -> tuple[int, int]:
    """Return the height and width of the enlarged pictures.

    Raises:
        ConfigError: they are more than a film's frame may have.
    """
    height, width = enlargement.size(film.height, film.width)
    if height * width > MAX_FRAME_PIXELS:
        raise ConfigError(
            f"pictures of {width}×{height} would have more than {MAX_FRAME_PIXELS:,} pixels (MAX_FRAME_PIXELS); "
            "take a smaller scale",
            where=film.path,
            settings=("scale", "fit"),
        )
    return height, width


def pictures_in(film: Film, part: Range) -> int | None:
    """Return how many pictures a part of a film has, where that can be reckoned."""
    if film.count is None:
        return None
    if part == WHOLE:
        return film.count
    if film.duration is None:
        return None
    end = film.duration if part.end is None else min(part.end, film.duration)
    return max(0, round((end - part.start) * film.rate))


def converter(film: Film, coding: Coding) -> Callable[[Picture], VideoFrame]:
    """Return what turns an enlarged picture into what the encoder takes; one thread uses it at a time."""
    convert = ToYuv(film.colours.coded, coding.form, 1 / film.rate)
    return lambda picture: convert(picture.samples, alpha=picture.alpha is not None)


class _Coder:
    """Codes pictures into segments."""

    def __init__(self, film: Film, size: tuple[int, int], coding: Coding, parts: Parts, settings: FilmSettings) -> None:
        self._film, self._size, self._coding, self._parts = film, size, coding, parts
        self._length = settings.segment
        self._captioned = Captioned(size, coding.form, 1 / film.rate)
        self._files = contextlib.ExitStack()
        self._encoder: SegmentEncoder | None = None
        self._times: list[int] = []
        self._durations: list[int] = []

    def __enter__(self) -> _Coder:
        return self

    def add(self, each: Timed, frame: VideoFrame) -> None:
        """Code a picture; the segment it fills is finished."""
        if self._encoder is None:
            path = self._files.enter_context(self._parts.writing())
            self._encoder = SegmentEncoder(
                path, self._coding, self._size, self._film.rate, self._film, length=self._length
            )
        if each.captions is not None and self._coding.codec.captions:
            frame = self._captioned(frame, each.captions)
        self._encoder.add(frame)
        self._times.append(each.time)
        self._durations.append(each.duration)
        if len(self._times) == self._length:
            self._finish()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self._finish()
            return
        if self._encoder is not None:
            self._encoder.drop()
        self._files.__exit__(kind, error, trace)  # the file of a segment that is not whole goes

    def _finish(self) -> None:
        if self._encoder is None:
            return
        self._encoder.end()
        self._files.close()
        self._encoder = None
        trim()  # else memory grows by 5 KB a picture: 4 GB in ten hours
        self._parts.add(self._times, self._durations)
        self._times, self._durations = [], []


def with_missing(film: Film, faults: Faults, done: int, part: Range) -> Iterator[str]:
    """Yield what was wrong, and that a film ends before its header says where it does."""
    yield from faults.said
    total = pictures_in(film, part) if part.end is None else None
    if not faults.said and total is not None and film.duration is not None and film.exact:
        missing = Fraction(total - done) / film.rate
        if missing > max(Fraction(1), film.duration / 50):
            yield (
                f"ends {float(missing):.1f} s before its header says ({done} of {total} pictures); "
                "what there is was enlarged"
            )
