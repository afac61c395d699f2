"""A film, opened: what its pictures are, when they are shown, and what else is in its file. Nothing is decoded but the
first pictures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.frame import VideoFrame

from upres.config.amounts import parse_time
from upres.config.limits import MAX_FRAME_PIXELS
from upres.errors import ConfigError, PictureError, first_line
from upres.video.colours import Colours, bits_of, colours_of
from upres.video.dolby import refuse_dolby

# Pictures that are looked at before the work: the first few of some films say nothing yet.
_LOOKED_AT = 6
# The elements of Matroska that say where chroma lies, of one byte each, and what FFmpeg calls their values.
_ACROSS, _DOWN = b"\x55\xb7\x81", b"\x55\xb8\x81"
_SITINGS = {(1, 2): "left", (2, 2): "center", (1, 1): "topleft", (2, 1): "top"}
# What travels inside pictures and cannot be put into new ones here.
_LEFT_BEHIND = {
    Type.DYNAMIC_HDR_PLUS: "HDR10+'s data of each scene; HDR10's own are kept",
    Type.DOVI_RPU_BUFFER: "Dolby Vision's data of each scene; what players without it show is kept",
    Type.STEREO3D: "how two views lie in a picture",
    Type.SPHERICAL: "that the film goes all around",
}
IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
"""The display matrix of pictures that are shown as they stand."""


@dataclass(frozen=True)
class Light:
    """HDR10's static metadata, as they are coded.

    Attributes:
        mastering: x and y of red, green, blue and white, the least and the most cd/m² of the screen it was made on.
        content: the brightest pixel and the brightest frame's mean, in cd/m².
    """

    mastering: tuple[Fraction, ...] | None = None
    content: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return self.mastering is not None or self.content is not None


@dataclass(frozen=True)
class Film:
    """What is known of a film before it is decoded.

    Attributes:
        path: its file.
        container: what it is in, as FFmpeg calls it.
        stream: the number of the stream that is enlarged.
        height, width: of its pictures, in pixels.
        bits, alpha: of its numbers, and whether it has alpha.
        form: its pixel format.
        colours: what its numbers mean.
        light: HDR10's static metadata.
        aspect: a pixel's width ÷ height.
        matrix: how it is turned to be shown, as nine numbers, or `None`.
        time_base: the unit of its times in seconds.
        start: of the file, in seconds.
        rate: pictures a second, on average; an estimate by which an encoder chooses its rate.
        duration: in seconds, where it is known.
        exact: whether that is the pictures' own, and not that of the sound with them.
        count: how many pictures there are, where it is known or can be reckoned.
        interlaced: whether its first pictures are two fields each.
        captions: whether they have closed captions inside (CEA-608 and 708).
        notes: what is assumed or left behind, in words.
    """

    path: Path
    container: str
    stream: int
    height: int
    width: int
    bits: int
    alpha: bool
    form: str
    colours: Colours
    light: Light
    aspect: Fraction
    matrix: tuple[int, ...] | None
    time_base: Fraction
    start: Fraction
    rate: Fraction
    duration: Fraction | None
    exact: bool
    count: int | None
    interlaced: bool
    captions: bool
    notes: tuple[str, ...]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Any]:
    """Open a film's file.

    Raises:
        PictureError: it is none, or cannot be read.
    """
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise PictureError(f"cannot be read as a film ({error.strerror}); is it whole?", where=path) from error
    try:
        yield container
    finally:
        container.close()


def open_film(path: Path, *, matrix: str | None = None) -> Film:
    """Return what is known of a film.

    Args:
        path: its file.
        matrix: what its colours are, whatever it says: `601`, `709` or `2020`.

    Raises:
        PictureError: it cannot be read, has no pictures, or some that upres does not enlarge.
        ConfigError: no such matrix is known.
    """
    with reading(path) as container:
        stream = main_stream(container, path)
        pixels = stream.codec_context.width * stream.codec_context.height
        if pixels > MAX_FRAME_PIXELS:
            raise PictureError(
                f"pictures of {pixels:,} pixels; a film's have at most {MAX_FRAME_PIXELS:,} (MAX_FRAME_PIXELS)",
                where=path,
            )
        header = _header(stream)
        siting = _siting(header)
        first = _first_frames(container, stream, path)
        frame = first[0]
        try:
            colours = colours_of(frame, siting, matrix)
        except PictureError as error:
            raise error.at(path) from error
        refuse_dolby(stream, header, first, colours, path)
        aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        own = _duration(stream)
        duration = Fraction(container.duration, av.time_base) if own is None and container.duration else own
        rate = _rate(stream, first)
        return Film(
            path=path,
            container=container.format.name,
            stream=stream.index,
            height=frame.height,
            width=frame.width,
            bits=8 if frame.format.has_palette else bits_of(frame.format.name),
            alpha=any(component.is_alpha for component in frame.format.components),
            form=frame.format.name,
            colours=colours,
            light=_light(frame),
            aspect=aspect,
            matrix=_display_matrix(frame),
            time_base=Fraction(stream.time_base),
            start=Fraction(container.start_time or 0, av.time_base),
            rate=rate,
            duration=duration,
            exact=own is not None,
            count=_count(stream) or (None if duration is None else round(duration * rate)),
            interlaced=any(each.interlaced_frame for each in first),
            captions=any(has_captions(each) for each in first),
            notes=_notes(first, colours),
        )


def main_stream(container: Any, path: Path) -> Any:
    """Return the stream that is enlarged: the first of pictures that is no cover.

    Raises:
        PictureError: there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                break
            stream.codec_context.thread_count = 1  # it is fast enough, and two threads of PyAV's decoders have crashed
            return stream
    raise PictureError("holds no moving pictures that can be decoded", where=path)


def _first_frames(container: Any, stream: Any, path: Path) -> list[VideoFrame]:
    found: list[VideoFrame] = []
    try:
        for frame in container.decode(stream):
            found.append(frame)
            if len(found) == _LOOKED_AT:
                break
    except av.error.FFmpegError as error:
        if not found:
            raise PictureError(f"its pictures cannot be decoded ({first_line(error)})", where=path) from error
    if not found:
        raise PictureError("holds no picture that can be decoded; is it cut short?", where=path)
    return found


def _header(stream: Any) -> bytes:
    """Return how Matroska would describe a stream: it says what FFmpeg knows of it and PyAV does not tell."""
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format="matroska") as header:
            header.add_stream_from_template(stream, opaque=True)
            header.start_encoding()
    except (av.error.FFmpegError, ValueError):  # a codec that Matroska does not hold
        return b""
    return memory.getvalue()


def _siting(header: bytes) -> str | None:
    """Return where a stream says that chroma lies."""
    across, down = header.find(_ACROSS), header.find(_DOWN)
    if across < 0 or down < 0:
        return None
    return _SITINGS.get((header[across + 3], header[down + 3]))


def _light(frame: VideoFrame) -> Light:
    """Return HDR10's static metadata. Source of the layout: libavutil/mastering_display_metadata.h."""
    data = {each.type: bytes(each) for each in frame.side_data}
    mastering = content = None
    if Type.MASTERING_DISPLAY_METADATA in data:
        numbers = np.frombuffer(data[Type.MASTERING_DISPLAY_METADATA][:80], np.int32).tolist()
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        if all(below for _, below in pairs):
            mastering = tuple(Fraction(above, below) for above, below in pairs)
    if Type.CONTENT_LIGHT_LEVEL in data:
        most, mean = np.frombuffer(data[Type.CONTENT_LIGHT_LEVEL][:8], np.uint32).tolist()
        content = most, mean
    return Light(mastering, content)


def has_captions(frame: VideoFrame) -> bool:
    """Return whether a picture has closed captions inside."""
    return any(each.type == Type.A53_CC for each in frame.side_data)


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    for each in frame.side_data:
        if each.type == Type.DISPLAYMATRIX:
            return tuple(np.frombuffer(bytes(each)[:36], np.int32).tolist())
    return None


def _duration(stream: Any) -> Fraction | None:
    """Return how long the pictures go on, in seconds; Matroska has it in a tag."""
    if stream.duration:
        return Fraction(stream.duration) * Fraction(stream.time_base)
    said = stream.metadata.get("DURATION", "")
    with contextlib.suppress(ConfigError):
        return parse_time(said)
    return None


def _count(stream: Any) -> int:
    """Return how many pictures a stream says to have; Matroska has it in a tag. 0 where it does not say."""
    found = [said for name, said in stream.metadata.items() if name.partition("-")[0] == "NUMBER_OF_FRAMES"]
    return stream.frames or next((int(said) for said in found if said.isdecimal()), 0)


def _rate(stream: Any, first: list[VideoFrame]) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate
    if rate is None or not 0 < rate <= 1000:
        times = [frame.pts for frame in first if frame.pts is not None]
        spent = (times[-1] - times[0]) * stream.time_base if len(times) > 1 else 0
        rate = (len(times) - 1) / spent if spent > 0 else 25
    return Fraction(rate).limit_denominator(1001)


def _notes(first: list[VideoFrame], colours: Colours) -> tuple[str, ...]:
    notes = []
    if colours.matrix is not None and not colours.said:
        notes.append(f"does not say its matrix, and is taken for BT.{colours.matrix}, as players take it")
    kinds = {each.type for frame in first for each in frame.side_data}
    notes += [f"left behind: {said}" for kind, said in _LEFT_BEHIND.items() if kind in kinds]
    return tuple(notes)
