"""What an enlargement of a film would take, by a few pictures of it, with the threads and the encoder of all."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av

from upres.errors import FailedError
from upres.image.writing import write
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.tile_memory import TileMemory
from upres.video.captions import Captioned
from upres.video.decoding import Decoded, Faults, Range, decoded
from upres.video.encoding import SegmentEncoder
from upres.video.enlarging import converter
from upres.video.opening import Film, reading
from upres.video.planning import Plan
from upres.video.predicting import predicted, tiled
from upres.video.repeats import tile_for
from upres.video.sequences import numbered

_PLACES, _PICTURES = (0.1, 0.5, 0.8), 16
_PICTURES_WRITTEN = 4  # of numbered ones
_COPIED = 5  # seconds of the other streams that are weighed, at each place


@dataclass(frozen=True)
class Trial:
    """What all of it would take.

    Attributes:
        rate: pictures a second on this machine.
        pictures: how many there are, `None` where that cannot be reckoned.
        seconds: how long they take.
        bytes: of the output.
    """

    rate: float
    pictures: int | None
    seconds: float | None
    bytes: int | None


def tried(plan: Plan) -> Trial:
    """Enlarge and code a few pictures of a film, at three places of it, and return what all would come to.

    Nothing is left of them.

    Raises:
        PictureError, FailedError: as `run_plan`.
    """
    film, settings = plan.film, plan.settings
    used = tiled(plan.enlargements, tile_for(film, plan.enlargement, settings.part))
    memory = TileMemory(plan.enlargement.max_memory // 4 if settings.reuse else 0, at_once=len(used))
    spent, done, sizes = 0.0, 0, _Sizes()
    with tempfile.TemporaryDirectory(prefix="upres-") as folder:
        for number, part in enumerate(_parts(plan)):
            lr = decoded(film, Faults(), part=part, deinterlace=settings.deinterlace)
            pictures = list(itertools.islice(lr, _PICTURES if plan.coding is not None else _PICTURES_WRITTEN))
            if not pictures:
                continue
            if not number:  # the first prepares what the others use
                for each in {id(each): each for each in used}.values():
                    each.picture(pictures[0].picture)
            began = time.monotonic()
            if plan.coding is None:
                sizes.others += _written(plan, used, memory, pictures, Path(folder))
            else:
                _coded(plan, used, memory, pictures, path := Path(folder) / f"{number}.mkv")
            spent += time.monotonic() - began
            done += len(pictures)
            if plan.coding is not None:
                sizes.add(path)
    if not done:
        raise FailedError("none of its pictures could be decoded", where=film.path)
    count = plan.pictures
    rate = done / max(spent, 1e-6)
    if count is None:
        return Trial(rate, None, None, None)
    return Trial(rate, count, count / rate, sizes.of(count, settings.segment, done) + round(_copied(plan)))


def _parts(plan: Plan) -> Iterator[Range]:
    part, film = plan.settings.part, plan.film
    end = film.duration if part.end is None else part.end
    count = plan.pictures
    if end is None or count is None or count <= len(_PLACES) * _PICTURES:
        yield part
        return
    for place in _PLACES:
        yield Range(part.start + (end - part.start) * Fraction(place).limit_denominator(100), part.end)


def _coded(plan: Plan, used: tuple[Enlargement, ...], memory: TileMemory, pictures: list[Decoded], path: Path) -> None:
    assert plan.coding is not None
    film = plan.film
    captioned = Captioned(plan.size, plan.coding.form, 1 / film.rate)
    encoder = SegmentEncoder(path, plan.coding, plan.size, film.rate, film, length=plan.settings.segment)
    try:
        made = predicted(used, pictures, memory, partial(converter, film, plan.coding))
        with contextlib.closing(made) as frames:
            for timed, frame in frames:
                captions = timed.captions if plan.coding.codec.captions else None
                encoder.add(frame if captions is None else captioned(frame, captions))
    except BaseException:
        encoder.drop()
        raise
    encoder.end()


def _written(
    plan: Plan, used: tuple[Enlargement, ...], memory: TileMemory, pictures: list[Decoded], folder: Path
) -> int:
    """Write numbered pictures, and return their bytes."""
    with (
        ThreadPoolExecutor(len(used), "upres-write") as coders,
        contextlib.closing(predicted(used, pictures, memory, lambda: lambda picture: picture)) as sr,
    ):
        paths = [folder / numbered(plan.target, number).name for number in range(len(pictures))]
        each = partial(write, quality=plan.quality, lossless=plan.lossless)
        for future in [coders.submit(each, picture, path) for path, (_, picture) in zip(paths, sr, strict=True)]:
            future.result()
    return sum(path.stat().st_size for path in paths)


class _Sizes:
    """Bytes of pictures: those that begin a segment are larger."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.others = 0

    def add(self, path: Path) -> None:
        """Weigh the packets of a file."""
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.is_keyframe:
                    self.keys.append(packet.size)
                else:
                    self.others += packet.size

    def of(self, count: int, segment: int, done: int) -> int:
        """Return what so many pictures come to, by `done` that were weighed."""
        begun = min(count, -(-count // segment)) if self.keys and len(self.keys) < done else 0
        key = sum(self.keys) / len(self.keys) if begun else 0.0
        rest = (self.others + (0 if begun else sum(self.keys))) / max(1, done - (len(self.keys) if begun else 0))
        return round(begun * key + (count - begun) * rest)


def _copied(plan: Plan) -> float:
    """Estimate the bytes of the streams that go over, by a few seconds of them."""
    film, part = plan.film, plan.settings.part
    end = film.duration if part.end is None else part.end
    if not plan.kept.numbers or end is None:
        return 0.0
    total, seconds = 0.0, Fraction(0)
    length = end - part.start
    with reading(film.path) as source:
        chosen = [source.streams[number] for number in plan.kept.numbers]
        once = sum(len(each.data) for each in chosen if each.type == "attachment")
        timed = [each for each in chosen if each.type in ("audio", "subtitle")]
        places = [part.start + length * Fraction(place).limit_denominator(100) for place in _PLACES]
        if length <= len(places) * _COPIED:
            places = [part.start]
        span = min(Fraction(_COPIED), length) if len(places) > 1 else length
        for place in places if timed else []:
            total += _weighed(source, timed, film, place, place + span)
            seconds += span
    return once + (total * float(length / seconds) if seconds else 0.0)


def _weighed(source: Any, streams: list[Any], film: Film, start: Fraction, end: Fraction) -> int:
    total = 0
    source.seek(int((start + film.start) * av.time_base), backward=True)
    for packet in source.demux(*streams):
        if packet.pts is None or not packet.size:
            continue
        shown = packet.pts * packet.time_base - film.start
        if shown >= end:
            break
        total += packet.size if shown >= start else 0
    return total
