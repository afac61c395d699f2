"""Films for tests, made by PyAV itself: a few tiny pictures, with all that a file can hold."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from upres.upscaling.upscaler import Upscaler

av = pytest.importorskip("av", reason="films need the extra `video`")

BASE = Fraction(1, 90_000)
SUBTITLES = b"1\n00:00:00,100 --> 00:00:00,200\nHello\n\n2\n00:00:00,300 --> 00:00:00,400\nWorld\n"


class Identity:
    """Stands for the upscalers of a model: pictures stay as they are, or each pixel is repeated."""

    label = "_x1"
    threads = 2

    def __init__(self, upscaler: Upscaler | None = None) -> None:
        self._upscaler = Upscaler([], scale=1.0) if upscaler is None else upscaler

    def for_picture(self, height: int, width: int, *, deep: bool = False) -> Upscaler:
        return self._upscaler


def frame_of(planes: Sequence[NDArray[Any]], form: str) -> Any:
    """Return a frame of planes `h w`."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], form)
    for plane, numbers in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(plane, numbers.dtype).reshape(-1, plane.line_size // numbers.dtype.itemsize)
        rows[: numbers.shape[0], : numbers.shape[1]] = numbers
    return frame


def planes_of(frame: Any) -> list[NDArray[Any]]:
    """Return a frame's planes."""
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    size = np.dtype(kind).itemsize
    return [
        np.frombuffer(plane, kind).reshape(-1, plane.line_size // size)[: plane.height, : plane.width].copy()
        for plane in frame.planes
    ]


def moving(count: int, height: int = 24, width: int = 32, *, held: int = 1) -> list[Any]:
    """Return frames of a slope on which a square moves, each `held` times."""
    frames = []
    for number in range(count):
        luma = np.tile(np.linspace(30, 200, width).astype(np.uint8), (height, 1))
        at = (number // held) * 2 % (width - 8)
        luma[8:16, at : at + 8] = 220
        chroma = [np.full((height // 2, width // 2), 100 + 20 * place, np.uint8) for place in range(2)]
        frames.append(frame_of([luma, *chroma], "yuv420p"))
    return frames


def write_film(
    path: Path,
    frames: Sequence[Any],
    *,
    codec: str = "ffv1",
    times: Sequence[int] | None = None,
    base: Fraction = BASE,
    rate: int = 25,
    options: dict[str, str] | None = None,
    sound: Sequence[str] = (),
    subtitles: bool = False,
    font: bool = False,
    chapters: bool = False,
    matrix: Sequence[int] | None = None,
    languages: Sequence[str] = ("deu", "fra"),
    **attributes: Any,
) -> Path:
    """Write a film; `attributes` are its codec context's, as PyAV calls them."""
    film = av.open(str(path), "w")
    stream = film.add_stream(codec, rate=rate, options=options or {})
    stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
    stream.codec_context.time_base = stream.time_base = base
    for name, value in attributes.items():
        setattr(stream.codec_context, name, value)
    if matrix is not None:
        stream.set_display_matrix(list(matrix))
    sounds = []
    for number, name in enumerate(sound):
        each = film.add_stream(name, rate=48_000)
        each.metadata.update({"language": languages[number], "title": f"sound {number}"})
        if number:
            each.disposition = av.stream.Disposition.comment
        sounds.append(each)
    text = None
    if subtitles:
        said = av.open(io.BytesIO(SUBTITLES), format="srt")
        text = film.add_stream_from_template(said.streams[0], opaque=True)
        text.disposition = av.stream.Disposition.forced
        text.metadata["language"] = "eng"
    if font:
        film.add_attachment("font.ttf", "application/x-truetype-font", b"a font" * 9)
    if chapters:
        marks = (("one", 0, 200), ("two", 200, 400))
        film.set_chapters(
            [
                {"id": at + 1, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": name}}
                for at, (name, start, end) in enumerate(marks)
            ]
        )
    film.metadata["title"] = "A film"
    film.start_encoding()
    step = round(1 / (rate * base))
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = (number * step if times is None else times[number]), base
        film.mux(stream.encode(frame))
    film.mux(stream.encode(None))
    for each in sounds:
        _write_noise(film, each, len(frames) * 48_000 // rate // 1024 + 1)
    if text is not None:
        for packet in said.demux():
            if packet.size:
                packet.stream = text
                film.mux(packet)
    film.close()
    return path


def _write_noise(film: Any, stream: Any, pieces: int) -> None:
    for number in range(pieces):
        noise = np.random.default_rng(number).normal(0, 0.1, (2, 1024)).astype(np.float32)
        piece = av.AudioFrame.from_ndarray(noise, "fltp", "stereo")
        piece.sample_rate, piece.pts, piece.time_base = 48_000, number * 1024, Fraction(1, 48_000)
        if stream.codec_context.format.name != "fltp":
            piece = av.AudioResampler(stream.codec_context.format, "stereo", 48_000).resample(piece)[0]
        film.mux(stream.encode(piece))
    film.mux(stream.encode(None))


def times_of(path: Path) -> list[Fraction]:
    """Return when each picture of a film is shown, in seconds."""
    with av.open(str(path)) as film:
        return [frame.pts * frame.time_base for frame in film.decode(video=0)]


def digests_of(path: Path) -> list[str]:
    """Return a digest of each picture of a film."""
    with av.open(str(path)) as film:
        return [
            hashlib.md5(b"".join(plane.tobytes() for plane in planes_of(frame))).hexdigest()
            for frame in film.decode(video=0)
        ]


def first_of(path: Path) -> Any:
    """Return a film's first picture."""
    with av.open(str(path)) as film:
        return next(film.decode(video=0))


def others_of(path: Path) -> dict[str, Any]:
    """Return what a film's file holds besides its pictures: packets with times, tags, dispositions, chapters."""
    with av.open(str(path)) as film:
        found: dict[str, Any] = {
            "title": film.metadata.get("title"),
            "chapters": [
                (each["start"] * each["time_base"], each["end"] * each["time_base"], each["metadata"])
                for each in film.chapters()
            ],
        }
        for stream in film.streams:
            said = {name: value for name, value in stream.metadata.items() if name not in ("encoder", "DURATION")}
            said |= {"title": said.pop("name")} if "name" in said else {}
            data = stream.data if stream.type == "attachment" else b""
            found[f"{stream.index}"] = [stream.type, said, int(stream.disposition), data, []]
        for packet in film.demux(*(stream for stream in film.streams if stream.type in ("audio", "subtitle"))):
            if packet.size:
                found[f"{packet.stream.index}"][-1].append((packet.pts, packet.duration, bytes(packet)))
        return found
