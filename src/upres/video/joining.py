"""Segments and all else that a film's file holds → one file.

Packets of sound, subtitles and attachments go over as they are, with their times; subtitles of text are turned into
the container's own where it does not hold theirs. A picture's decoding time is the presentation time of one that stands as many places before it as the encoder reorders: so it never falls back where two
segments meet.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from upres.errors import ConfigError, FailedError, first_line
from upres.video.decoding import Range
from upres.video.encoding import TICK
from upres.video.opening import Film, reading
from upres.video.segments import Segment
from upres.video.subtitles import Turned, coding_of, is_pause, is_styled, is_text
from upres.video.table import WRITTEN, Container

# Matroska's covers by FFmpeg's name of their codec: suffix and type.
_COVERS = {"mjpeg": (".jpg", "image/jpeg"), "png": (".png", "image/png")}
# What a muxer writes by itself, and what would be wrong of another file.
_OWN_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "bps", "number_of_frames"}


@dataclass(frozen=True)
class Kept:
    """Streams that go over.

    Attributes:
        numbers: theirs in the film.
        said: what they are, in words.
        left: what is left behind, in words.
        turned: the coding into which subtitles are turned, by their numbers; all others stay as they are.
    """

    numbers: tuple[int, ...]
    said: tuple[str, ...]
    left: tuple[str, ...]
    turned: dict[int, str] = field(default_factory=dict)


def kept_streams(film: Film, container: Container, target: Path) -> Kept:
    """Return what goes over from a film's file into another, having tried it.

    Raises:
        ConfigError: the container does not hold one of the streams; it is named, with what would.
    """
    numbers, said, left = [], [], []
    turned: dict[int, str] = {}
    with reading(film.path) as source:
        for stream in source.streams:
            if stream.index == film.stream:
                continue
            name = _name(stream)
            if stream.type == "data" and stream.name == "bin_data" and source.chapters():
                continue  # chapters, as MP4 keeps them besides; they go over as chapters
            if stream.type == "data" or stream.type not in ("audio", "video", "subtitle", "attachment"):
                left.append(name)
                continue
            numbers.append(stream.index)
            if is_text(stream) and not _holds(stream, container, film):
                if not container.text:
                    raise _refusal(stream, "it holds no subtitles of text", film, target)
                turned[stream.index] = container.text
                said.append(f"{name}, turned into {container.text}")
                if is_styled(stream):
                    left.append(f"places, fonts and effects of {name}, which {container.text} does not have; .mkv does")
                continue
            _try(stream, container, film, target)
            said.append(name)
    return Kept(tuple(numbers), tuple(said), tuple(left), turned)


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
            av.open(str(path), "w", format=container.muxer, options=container.options) as made,
        ):
            made.metadata.update({name: value for name, value in source.metadata.items() if name not in _OWN_TAGS})
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
                if number in turned:
                    packet = turned[number].packet(packet)
                elif is_pause(packet):
                    continue  # the muxer writes one of its own
                if packet is not None:
                    _put(made, packet, streams[number])
            while waiting is not None:
                _put(made, waiting[0], streams[film.stream])
                waiting = next(coded, None)
    except (av.error.FFmpegError, OSError) as error:
        raise FailedError(f"cannot be written ({error.strerror}); the parts that are done are kept") from error
    return [
        f"{each.damaged} subtitles of stream {number} are damaged" for number, each in turned.items() if each.damaged
    ]


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
            ours = _template(made, stream, film)
        else:
            continue
        if stream.type == "video" and ours.type == "attachment":
            continue  # the cover: its name and type are all that is said of it
        tags = {name: value for name, value in stream.metadata.items() if name.lower() not in _OWN_TAGS}
        if "name" in tags:  # what MP4 calls a stream's title when it is read, and not when it is written
            tags.setdefault("title", tags.pop("name"))
        ours.metadata.update(tags)
        ours.disposition = stream.disposition
        streams[stream.index] = ours
    return streams, turned


def _template(made: Any, stream: Any, film: Film) -> Any:
    if _is_attached(stream, made.format.name):
        suffix, mime = _COVERS[stream.codec_context.name]
        with reading(film.path) as source:
            packets = source.demux(source.streams[stream.index])
            data = next((bytes(packet) for packet in packets if packet.size), b"")
        return made.add_attachment(f"cover{suffix}", mime, data)
    if stream.type == "attachment":
        return made.add_attachment(
            stream.metadata.get("filename", "attachment"), stream.mimetype or "application/octet-stream", stream.data
        )
    return made.add_stream_from_template(stream, opaque=True)


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
    chosen = [each for each in streams if each.type != "attachment" and not _is_attached(each, muxer)]
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


def _is_attached(stream: Any, muxer: str) -> bool:
    """Return whether a stream is a cover that Matroska keeps as an attachment: a track of it would be a second film."""
    cover = stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)
    return cover and muxer == "matroska" and stream.codec_context.name in _COVERS


def _holds(stream: Any, container: Container, film: Film) -> bool:
    try:
        _put_head(stream, container, film)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _try(stream: Any, container: Container, film: Film, target: Path) -> None:
    """Be sure that a container takes a stream."""
    try:
        _put_head(stream, container, film)
    except (av.error.FFmpegError, ValueError) as error:
        raise _refusal(stream, first_line(error), film, target) from error


def _put_head(stream: Any, container: Container, film: Film) -> None:
    """Write the head of a file that is thrown away.

    Raises:
        ValueError, av.error.FFmpegError: the container does not hold the stream.
    """
    if container.others and coding_of(stream) not in container.others:
        raise ValueError("a player would not find out what it is")
    with contextlib.closing(av.open(io.BytesIO(), "w", format=container.muxer)) as made:
        _template(made, stream, film)
        made.start_encoding()


def _refusal(stream: Any, why: str, film: Film, target: Path) -> ConfigError:
    instead = film.path.suffix if film.path.suffix != target.suffix and film.path.suffix in WRITTEN else ".mkv"
    return ConfigError(
        f"{_name(stream)} cannot be put into {target.suffix} ({why}); write {instead} instead",
        where=film.path,
        settings=("output",),
    )


def _name(stream: Any) -> str:
    codec = coding_of(stream) or stream.name or ""
    language = stream.language
    kind = "cover" if stream.disposition & Disposition.attached_pic else stream.type
    return " ".join(filter(None, (f"stream {stream.index}:", kind, codec, f"({language})" if language else "")))
