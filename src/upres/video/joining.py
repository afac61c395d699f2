"""Segments and all else that a film's file holds → one file.

Packets of sound, subtitles and attachments go over as they are, with their times; subtitles of text are turned into
the container's own where it does not hold theirs. A picture's decoding time is the presentation time of one that stands
as many places before it as the encoder reorders: so it never falls back where two segments meet.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from upres.errors import FailedError
from upres.video.decoding import Range
from upres.video.encoding import TICK
from upres.video.keeping import Kept, is_attached, template_of
from upres.video.languages import written_as
from upres.video.opening import Film, reading
from upres.video.segments import Segment
from upres.video.subtitles import Turned, is_pause
from upres.video.table import Container

# What a muxer writes by itself, and what would be wrong of another file.
_OWN_TAGS = (
    *("encoder", "major_brand", "minor_version", "compatible_brands", "duration"),
    *("bps", "number_of_frames", "number_of_bytes"),
)


# Of a second, for edits; 2^31 is the largest that the format holds.
_FINEST = 10_000_000


def join(
    film: Film,
    segments: Sequence[Segment],
    kept: Kept,
    container: Container,
    path: Path,
    *,
    part: Range,
) -> list[str]:
    """Write segments, and what goes over, into a file; return what of it was damaged, in words.

    Args:
        film: what they were made of.
        segments: in order; at least one.
        kept: the other streams.
        container: what is written.
        path: the file.
        part: which part of the film it is; times are counted from its beginning on.

    Raises:
        FailedError: it could not be written.
    """
    first, last = part.ticks(film)
    shift = Fraction(0) if first is None else first * film.time_base
    end = None if last is None else last * film.time_base
    times = [time - (first or 0) for segment in segments for time in segment.times]
    durations = [each for segment in segments for each in segment.durations]
    try:
        with (
            reading(film.path) as source,
            av.open(str(segments[0].path)) as template,
            av.open(str(path), "w", format=container.muxer, options=_options(source, film, kept, container)) as made,
        ):
            made.metadata.update(_kept_tags(source.metadata))
            streams, turned = _streams(made, source, template, film, kept)
            chapters = _chapters(source, shift, end)
            if chapters:
                made.set_chapters(chapters)
            made.start_encoding()
            coded = _coded(segments, times, durations, film.time_base, negative=container.negative)
            waiting = next(coded, None)
            for packet, when in _copied(source, kept, shift, end, container.muxer):
                while waiting is not None and waiting[1] <= when:
                    _put(made, waiting[0], streams[film.stream])
                    waiting = next(coded, None)
                number = packet.stream.index
                ours = turned[number].packet(packet) if number in turned else packet
                if ours is not None and not is_pause(packet):  # MP4's muxer writes pauses of its own
                    _put(made, ours, streams[number])
            while waiting is not None:
                _put(made, waiting[0], streams[film.stream])
                waiting = next(coded, None)
    except (av.error.FFmpegError, OSError) as error:
        raise FailedError(f"cannot be written ({error.strerror}); the parts that are done are kept") from error
    return [
        f"{each.damaged} subtitles of stream {number} are damaged" for number, each in turned.items() if each.damaged
    ]


def _options(source: Any, film: Film, kept: Kept, container: Container) -> dict[str, str]:
    """Return the container's options; where it counts edits, and so late starts, by a unit of its own, with that."""
    options = dict(container.options)
    if container.muxer in ("mp4", "mov"):
        units = [film.time_base, *(Fraction(source.streams[number].time_base or 1) for number in kept.numbers)]
        whole = math.lcm(*(unit.denominator for unit in units))
        options["movie_timescale"] = str(whole if whole <= _FINEST else units[0].denominator)
    return options


def _put(made: Any, packet: Any, stream: Any) -> None:
    packet.stream = stream
    made.mux(packet)


def _streams(made: Any, source: Any, template: Any, film: Film, kept: Kept) -> tuple[dict[int, Any], dict[int, Turned]]:
    """Make the output's streams in the order of the film's; return them, and what turns some, by the film's numbers."""
    streams: dict[int, Any] = {}
    turned: dict[int, Turned] = {}
    for stream in source.streams:
        if stream.index == film.stream:
            ours = made.add_stream_from_template(template.streams.video[0], opaque=True)
            ours.time_base = film.time_base
            if film.matrix is not None:
                ours.set_display_matrix(film.matrix)
        elif stream.index in kept.turned:
            turned[stream.index] = Turned(made, stream, kept.turned[stream.index])
            ours = turned[stream.index].stream
        elif stream.index in kept.numbers:
            ours = template_of(made, stream, film)
        else:
            continue
        if stream.type == "video" and ours.type == "attachment":
            continue  # the cover: its name and type are all that is said of it
        tags = _kept_tags(stream.metadata)
        if "name" in tags:  # what MP4 calls a stream's title when it is read, and not when it is written
            tags.setdefault("title", tags.pop("name"))
        if "language" in tags:
            tags["language"] = written_as(tags["language"], made.format.name) or tags["language"]
        ours.metadata.update(tags)
        ours.disposition = stream.disposition
        streams[stream.index] = ours
    return streams, turned


def _kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return those that are not of the file itself; mkvmerge's have a language behind them: `BPS-eng`."""

    def own(name: str) -> bool:
        return name.partition("-")[0] in _OWN_TAGS or name.startswith("_statistics")

    return {name: said for name, said in tags.items() if not own(name.lower())}


def _coded(
    segments: Sequence[Segment], times: list[int], durations: list[int], base: Fraction, *, negative: bool
) -> Iterator[tuple[Any, Fraction]]:
    """Yield the pictures' packets with when they are decoded."""
    delay = max(at - number for at, number in enumerate(_numbers(segments)))
    steps = [later - sooner for sooner, later in itertools.pairwise(times)]
    # A file's length is counted from its first decoding time to its last: as much before the first picture as is
    # missing behind the last.
    lead = times[-1] - times[len(times) - 1 - delay]
    if not negative and times[0] >= delay:
        lead = min(lead, times[0])
    for at, (start, packet) in enumerate(_packets(segments)):
        number = start + round(packet.pts * packet.time_base / TICK)
        packet.time_base = base
        packet.pts = times[number]
        packet.dts = times[at - delay] if at >= delay else times[0] - lead * (delay - at) // delay
        packet.duration = steps[number] if number < len(steps) else durations[number] or (steps[-1] if steps else 1)
        yield packet, packet.dts * base


def _packets(segments: Sequence[Segment]) -> Iterator[tuple[int, Any]]:
    """Yield the segments' packets as they are decoded, each with the number of its segment's first picture."""
    start = 0
    for segment in segments:
        with av.open(str(segment.path)) as container:
            for packet in container.demux(video=0):
                if packet.size and packet.pts is not None:
                    yield start, packet
        start += len(segment.times)


def _numbers(segments: Sequence[Segment]) -> Iterator[int]:
    for start, packet in _packets(segments):
        yield start + round(packet.pts * packet.time_base / TICK)


def _copied(
    source: Any, kept: Kept, shift: Fraction, end: Fraction | None, muxer: str
) -> Iterator[tuple[Any, Fraction]]:
    """Yield the packets of the streams that go over, with when they are decoded."""
    streams = (source.streams[number] for number in kept.numbers)
    chosen = [each for each in streams if each.type != "attachment" and not is_attached(each, muxer)]
    if not chosen:
        return
    if shift:
        source.seek(int(shift * av.time_base), backward=True)
    packets = iter(source.demux(*chosen))
    when = Fraction(-(10**9))
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):  # what is cut short was said when the pictures were decoded
            return
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None and not packet.size:
            continue
        cover = bool(packet.stream.disposition & Disposition.attached_pic)
        if time is not None and not cover:
            shown = time * packet.time_base
            if shown < shift and shift:
                continue
            if end is not None and shown >= end:
                continue
            moved = round(shift / packet.time_base)
            if moved:
                packet.pts = None if packet.pts is None else packet.pts - moved
                packet.dts = None if packet.dts is None else packet.dts - moved
            decoded = packet.dts if packet.dts is not None else packet.pts
            when = max(when, decoded * packet.time_base)
        yield packet, when


def _chapters(source: Any, shift: Fraction, end: Fraction | None) -> list[Any]:
    found = []
    for chapter in source.chapters():
        base = chapter["time_base"]
        start, stop = chapter["start"] * base, chapter["end"] * base
        if stop <= shift or (end is not None and start >= end):
            continue
        moved = max(start - shift, Fraction(0)), min(stop, end if end is not None else stop) - shift
        found.append({**chapter, "start": round(moved[0] / base), "end": round(moved[1] / base)})
    return found
