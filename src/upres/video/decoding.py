"""A film's pictures one after the other, each with its time, as R, G, B."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from upres.errors import first_line
from upres.image.picture import Picture
from upres.video.captions import Captions
from upres.video.colours import ToRgb
from upres.video.opening import Film, main_stream, reading

# A seek may land behind what is looked for: then the film is decoded from its beginning.
_SEEK_BACK = 2


@dataclass(frozen=True)
class Decoded:
    """A picture of a film.

    Attributes:
        time: when it is shown, in units of the film's time base.
        duration: how long, where the file says; 0 where it does not.
        picture: it.
        captions: a frame of no matter what that has its closed captions, where it has some.
    """

    time: int
    duration: int
    picture: Picture
    captions: VideoFrame | None = None


@dataclass(frozen=True)
class Range:
    """A part of a film, in seconds as players count them: from its beginning.

    Attributes:
        start: of the first picture that is taken.
        end: before which the last one begins; `None` for the film's.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None

    def ticks(self, film: Film) -> tuple[int | None, int | None]:
        """Return the times between which pictures are taken, in units of the film's time base."""
        first = -(-(self.start + film.start) // film.time_base) if self.start else None
        last = None if self.end is None else -(-(self.end + film.start) // film.time_base)
        return first, last


@dataclass
class Faults:
    """What was wrong with a film's data, in words; filled while it is decoded."""

    said: list[str] = field(default_factory=list)


WHOLE = Range()


def decoded(
    film: Film, faults: Faults, *, part: Range = WHOLE, skip: int = 0, deinterlace: bool = False
) -> Iterator[Decoded]:
    """Yield a film's pictures.

    What is damaged is left out as FFmpeg leaves it out; where the file ends early, so do the pictures.

    Args:
        film: as `open_film` gave it.
        faults: gains what was wrong.
        part: which pictures are taken.
        skip: how many of them, from the first on, are only counted.
        deinterlace: weave the fields of interlaced pictures.
    """
    convert = ToRgb(film.colours, bits=film.bits, alpha=film.alpha, time_base=film.time_base, deinterlace=deinterlace)
    number = given = 0
    before: int | None = None
    # The times of those that the filters still hold, and their captions.
    waiting: deque[tuple[int, int, VideoFrame | None]] = deque()
    captions = Captions(film.time_base)

    for frame, said in _timed(film, part, faults):
        time = said
        if (frame.width, frame.height) != (film.width, film.height):
            faults.said.append(
                f"from picture {number} on it is {frame.width}×{frame.height}, no longer {film.width}×{film.height}; "
                "the rest was left out"
            )
            break
        if before is not None and time <= before:
            faults.said.append(f"picture {number} has no time after that of the one before; it was put a moment later")
            time = before + 1
        before = time
        number += 1
        if number <= skip and not deinterlace:  # the filter that weaves fields looks at the pictures around
            given += 1
            continue
        frame.pts, frame.time_base = time, film.time_base
        waiting.append((time, int(frame.duration or 0), captions(frame)))
        for rgb in convert(frame):
            when, duration, said_in_it = waiting.popleft()
            given += 1
            if given > skip:
                yield Decoded(when, duration, _picture(rgb, film), said_in_it)
    for rgb in convert.flush():
        when, duration, said_in_it = waiting.popleft()
        given += 1
        if given > skip:
            yield Decoded(when, duration, _picture(rgb, film), said_in_it)


def _timed(film: Film, part: Range, faults: Faults) -> Iterator[tuple[VideoFrame, int]]:
    """Yield the frames of a part of a film with their times."""
    first, last = part.ticks(film)
    begun = False
    with reading(film.path) as container:
        stream = main_stream(container, film.path)
        if first is not None:
            container.seek(max(0, int(first - _SEEK_BACK / film.time_base)), stream=stream)
        for frame, time in _with_times(container, stream, film, faults):
            if first is not None and not begun and time > first:
                break
            begun = True
            if first is not None and time < first:
                continue
            if last is not None and time >= last:
                return
            yield frame, time
        else:
            return
    # What was sought lay before where the seek led.
    with reading(film.path) as container:
        stream = main_stream(container, film.path)
        for frame, time in _with_times(container, stream, film, faults):
            if first is not None and time < first:
                continue
            if last is not None and time >= last:
                return
            yield frame, time


def _with_times(container: Any, stream: Any, film: Film, faults: Faults) -> Iterator[tuple[VideoFrame, int]]:
    step = max(1, round(1 / (film.rate * film.time_base)))
    before: int | None = None
    for frame in _frames(container, stream, faults):
        time = frame.pts if frame.pts is not None else frame.dts
        if time is None:
            time = 0 if before is None else before + step
        before = time
        yield frame, time


def _frames(container: Any, stream: Any, faults: Faults) -> Iterator[VideoFrame]:
    packets = iter(container.demux(stream))
    damaged = 0
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            faults.said.append(f"cannot be read to its end ({first_line(error)}); what comes before it was enlarged")
            break
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            damaged += 1
    if damaged:
        faults.said.append(f"{damaged} pieces of data could not be decoded; their pictures are missing")


def _picture(rgb: NDArray[Any], film: Film) -> Picture:
    colours = film.colours
    cicp = (colours.primaries, colours.transfer, 0, 1) if colours.hdr else None
    if film.alpha:
        return Picture(rgb[..., :3].copy(), rgb[..., 3].copy(), cicp=cicp)
    return Picture(rgb, cicp=cicp)
