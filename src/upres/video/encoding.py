"""Pictures → the packets of a segment, in a small file of its own."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from upres.errors import ConfigError, FailedError, MissingExtraError
from upres.video.colours import bits_of
from upres.video.opening import Film, Light
from upres.video.table import CODECS, Codec, Container, codec_named

TICK = Fraction(1, 1000)
"""What a picture's number is counted in inside a segment: Matroska's own unit. The real times stand beside it."""

_REORDERED = 64  # more pictures than any encoder holds back

_SUBSAMPLINGS = ("420", "422", "444")


@dataclass(frozen=True)
class Coding:
    """How pictures are coded.

    Attributes:
        codec: what codes them.
        form: the pixel format.
        crf: the constant rate factor, `None` where the codec has none.
        preset: the speed, empty where the codec has none.
    """

    codec: Codec
    form: str
    crf: int | None
    preset: str


def coding_for(
    film: Film,
    size: tuple[int, int],
    container: Container,
    *,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
) -> Coding:
    """Return how an enlarged film is coded: as asked for, and else so that nothing of it is lost.

    Args:
        film: as it was opened.
        size: the height and width that it gets.
        container: what it is written into.
        codec, crf, preset, pix_fmt: what somebody asks for.

    Raises:
        ConfigError: what was asked for does not go together, or would lose something.
        MissingExtraError: this PyAV has no such encoder.
    """
    wanted = _subsampling(film)
    rows = [codec_named(codec)] if codec is not None else _candidates(film, container, pix_fmt)
    row = rows[0]
    if row.name not in container.codecs:
        raise ConfigError(
            f"{container.suffixes[0]} holds no {row.name}; it holds {', '.join(container.codecs)}, and .mkv holds all",
            settings=("codec", "output"),
        )
    if not _there(row):
        raise MissingExtraError(f"{row.name} needs {row.encoder}, which this FFmpeg does not have; take another codec")
    form = pix_fmt or _form(row, wanted, film.bits, film.alpha)
    _check(film, row, form, size, asked=pix_fmt is not None)
    if crf is not None and row.crf is None:
        raise ConfigError(f"{row.name} has no rate factor; leave it out", settings=("crf",))
    if crf is not None and not row.crfs[0] <= crf <= row.crfs[1]:
        raise ConfigError(f"crf = {crf}: {row.name}'s is from {row.crfs[0]} to {row.crfs[1]}", settings=("crf",))
    if preset is not None and preset not in row.presets:
        known = ", ".join(row.presets) or "none"
        raise ConfigError(f"preset = {preset}: {row.name}'s, fastest first, are {known}", settings=("preset",))
    own = "4444" if row.name == "prores" and "444" in form else row.preset
    return Coding(row, form, row.crf if crf is None else crf, preset or own)


def _candidates(film: Film, container: Container, pix_fmt: str | None) -> list[Codec]:
    """Return what a container may hold a film by, the best first; those that would lose something come last."""
    names = container.deep if film.bits > 8 else container.codecs
    there = [CODECS[name] for name in names if _there(CODECS[name])]
    if not there:
        raise MissingExtraError(f"this FFmpeg has no encoder for {container.suffixes[0]}; write .mkv")

    def loses(row: Codec) -> bool:
        form = pix_fmt or _form(row, _subsampling(film), film.bits, film.alpha)
        return form not in _formats(row) or _lost(film, row, form) != ""

    return sorted(there, key=loses)


def _there(row: Codec) -> bool:
    return bool(_formats(row))


def _formats(row: Codec) -> tuple[str, ...]:
    """Return what this FFmpeg's encoder takes of a codec's pixel formats: some builds of libvpx hold no 10 bits."""
    there = _encoder_formats(row.encoder)
    return tuple(form for form in row.formats if form in there)


@functools.cache
def _encoder_formats(name: str) -> frozenset[str]:
    try:
        return frozenset(form.name for form in av.Codec(name, "w").video_formats or ())
    except (av.error.FFmpegError, ValueError):
        return frozenset()


def _subsampling(film: Film) -> str:
    if film.colours.matrix is None:
        return "444"
    form = av.VideoFormat(film.form, 16, 16)
    if not form.has_palette and len(form.components) < 3:  # gray
        return "420"
    across, down = 16 // form.chroma_width(16), 16 // form.chroma_height(16)
    return "420" if (across, down) == (2, 2) else "444" if (across, down) == (1, 1) else "422"


def _form(row: Codec, subsampling: str, bits: int, alpha: bool) -> str:
    """Return the pixel format of a codec that loses nothing, or the one nearest to that."""

    def badness(form: str) -> tuple[bool, bool, bool, int, int, int]:
        its, sampled = bits_of(form), _SUBSAMPLINGS.index(form.removeprefix("yuva").removeprefix("yuv")[:3])
        asked = _SUBSAMPLINGS.index(subsampling)
        has = form.startswith("yuva")
        return alpha and not has, its < bits, sampled < asked, int(has and not alpha), its - bits, sampled - asked

    return min(_formats(row), key=badness)


def _lost(film: Film, row: Codec, form: str) -> str:
    """Return what of a film would be lost, in words; empty where nothing is."""
    if film.alpha and not form.startswith("yuva"):
        return "its transparency"
    if film.bits > 8 and bits_of(form) == 8:
        return f"its {film.bits} bits"
    if film.light and not row.hdr:
        return "what HDR10 says of the screen it was made on"
    if film.aspect != 1 and not row.aspect:
        return f"the shape of its pixels, {film.aspect.numerator}:{film.aspect.denominator}"
    return ""


def _check(film: Film, row: Codec, form: str, size: tuple[int, int], *, asked: bool) -> None:
    if form not in _formats(row):
        raise ConfigError(f"pix_fmt = {form}: {row.name} takes {', '.join(_formats(row))}", settings=("pix_fmt",))
    lost = _lost(film, row, form)
    if lost and not (asked and lost.endswith("bits")):
        keeping = [
            other.name
            for other in CODECS.values()
            if _there(other) and not _lost(film, other, _form(other, _subsampling(film), film.bits, film.alpha))
        ]
        raise ConfigError(
            f"{row.name} in {form} would lose {lost}; {' or '.join(keeping) or 'no codec here'} keeps it, in .mkv",
            where=film.path,
            settings=("codec", "output"),
        )
    height, width = size
    across, down = "444" not in form, "420" in form
    if row.even and ((across and width % 2) or (down and height % 2)):
        raise ConfigError(
            f"{width}×{height} is odd, and {row.name} in {form} takes even sides; give a width of {width + width % 2} "
            f"with a height that is even, take yuv444p, or vp9 or ffv1 in .mkv",
            where=film.path,
            settings=("scale", "width", "pix_fmt", "codec"),
        )


class SegmentEncoder:
    """Codes pictures into a file of its own, from a key frame on.

    Args:
        path: the file, Matroska whatever its name is.
        coding: how.
        size: height and width.
        rate: pictures a second, by which encoders choose their rate.
        film: what the colours and HDR10's data are taken from.
        length: how many pictures it gets at most.
        threads: how many the encoder uses; `None` for its own choice.
    """

    def __init__(
        self,
        path: Path,
        coding: Coding,
        size: tuple[int, int],
        rate: Fraction,
        film: Film,
        *,
        length: int,
        threads: int | None = None,
    ) -> None:
        row, colours = coding.codec, film.colours.coded
        options = dict(row.options)
        options.setdefault("g", str(length))
        if coding.crf is not None:
            options["crf"] = str(coding.crf)
        if coding.preset:
            options[row.speed] = coding.preset
        options |= _own_options(row, film.light)
        options |= {"a53cc": "1"} if film.captions and row.captions else {}
        options |= {"chroma_sample_location": colours.siting} if "420" in coding.form else {}
        os.environ.setdefault("SVT_LOG", "1")  # else SVT-AV1 writes a page to standard error, for each segment
        self._container = av.open(str(path), "w", format="matroska")
        self._number = self._coded = 0
        self._rate = rate
        self._colours = colours
        stream: Any = self._container.add_stream(row.encoder, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], coding.form
        context = stream.codec_context
        context.time_base = 1 / rate
        context.sample_aspect_ratio = film.aspect
        context.color_range = 2 if colours.full else 1
        context.colorspace = colours.number
        context.color_primaries = colours.primaries
        context.color_trc = colours.transfer
        if threads is not None:
            context.thread_count = threads
        self._stream = stream

    def add(self, frame: VideoFrame) -> None:
        """Code the next picture.

        Raises:
            FailedError: the encoder failed.
        """
        frame.pts, frame.time_base = self._number, 1 / self._rate
        # ProRes's encoder takes them from the picture, not from the stream.
        frame.color_primaries, frame.color_trc = self._colours.primaries, self._colours.transfer
        self._number += 1
        self._mux(frame)

    def end(self) -> None:
        """Write what the encoder still holds, and close the file."""
        self._mux(None)
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:  # a disk that is full shows when the last is written
            raise FailedError(f"cannot be written ({error.strerror}); the parts that are done are kept") from error

    def drop(self) -> None:
        """Let go of the file, which is not whole."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                packet.time_base = TICK  # its numbers count pictures
                packet.duration = 1
                # Matroska does not keep it, and x265's is behind the presentation time in films of two pictures.
                packet.dts = self._coded - _REORDERED
                self._coded += 1
                self._container.mux(packet)
        except av.error.FFmpegError as error:
            raise FailedError(f"cannot be coded ({error.strerror}); the parts that are done are kept") from error


def _own_options(row: Codec, light: Light) -> dict[str, str]:
    """Return what only one encoder has: silence, and HDR10's data in its own words."""
    if row.encoder == "libsvtav1":
        said = [] if light.mastering is None else [f"mastering-display={_mastering(light.mastering, 1, 1)}"]
        said += [] if light.content is None else [f"content-light={light.content[0]},{light.content[1]}"]
        return {"svtav1-params": ":".join(said)} if said else {}
    if row.encoder in ("libx264", "libx265"):
        x265 = row.encoder == "libx265"
        said = ["log-level=error"] if x265 else []
        said += (
            []
            if light.mastering is None
            else [f"{'master-display' if x265 else 'mastering-display'}={_mastering(light.mastering, 50000, 10000)}"]
        )
        bright = light.content
        said += [] if bright is None else [f"{'max-cll' if x265 else 'cll'}={bright[0]},{bright[1]}"]
        return {"x265-params" if x265 else "x264-params": ":".join(said)} if said else {}
    return {}


def _mastering(numbers: tuple[Fraction, ...], place: int, bright: int) -> str:
    """Return a screen's primaries, white and brightness as x265 and SVT-AV1 read them."""

    def said(number: Fraction, unit: int) -> str:
        return str(round(number * unit)) if unit != 1 else f"{float(number):.6f}"

    red, green, blue, white = (numbers[at : at + 2] for at in (0, 2, 4, 6))
    pairs = "".join(
        f"{name}({said(x, place)},{said(y, place)})"
        for name, (x, y) in (("G", green), ("B", blue), ("R", red), ("WP", white))
    )
    return f"{pairs}L({said(numbers[9], bright)},{said(numbers[8], bright)})"
