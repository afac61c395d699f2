"""What of a film goes over into a file besides its pictures, found out by trying before any work is done."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from upres.errors import ConfigError, first_line
from upres.video.languages import written_as
from upres.video.opening import IDENTITY, Film, reading
from upres.video.subtitles import coding_of, is_styled, is_text
from upres.video.table import CODECS, WRITTEN, Codec, Container

# What a stream may be besides the usual one, by FFmpeg's names.
_ROLES = (
    *("dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired", "visual_impaired"),
    *("clean_effects", "captions", "descriptions", "dependent"),
)
# Matroska's covers by FFmpeg's name of their codec: suffix and type.
_COVERS = {"mjpeg": (".jpg", "image/jpeg"), "png": (".png", "image/png")}


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
        ConfigError: the container does not hold one of the streams, or how the pictures are turned; it is named, with
            what would.
    """
    if film.matrix not in (None, IDENTITY) and not container.rotation:
        raise ConfigError(
            f"how its pictures are turned would be lost in {target.suffix}; write .mkv instead",
            where=film.path,
            settings=("output",),
        )
    numbers, said, left = [], [], []
    turned: dict[int, str] = {}
    with reading(film.path) as source:
        if source.chapters() and not container.chapters:
            left.append(f"chapters, which {target.suffix} does not have; .mkv does")
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
            if stream.language not in (None, "und") and not written_as(stream.language, container.muxer):
                left.append(f"the language of {name}, for which {target.suffix} has no number; .mkv has it")
            roles = [role for role in _ROLES if stream.disposition & Disposition[role] and role not in container.roles]
            if roles:
                left.append(f"that {name} is {' and '.join(roles)}, which {target.suffix} cannot say")
            if stream.type != "attachment" and stream.codec_context is None and not _holds(stream, container, film):
                numbers.pop()
                left.append(f"{name}, which this FFmpeg does not know")
                continue
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


def with_captions(kept: Kept, film: Film, codec: Codec) -> Kept:
    """Return what goes over with what becomes of closed captions inside the pictures."""
    said = "closed captions inside the pictures"
    if not film.captions:
        return kept
    if codec.captions:
        return dataclasses.replace(kept, said=(*kept.said, said))
    keeping = " and ".join(each.name for each in CODECS.values() if each.captions)
    return dataclasses.replace(kept, left=(*kept.left, f"{said}, which {codec.name} does not have; {keeping} do"))


def template_of(made: Any, stream: Any, film: Film) -> Any:
    """Add a stream like one of the film's to a file, and return it; a cover of Matroska's as the attachment it is."""
    if is_attached(stream, made.format.name):
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


def is_attached(stream: Any, muxer: str) -> bool:
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
        template_of(made, stream, film)
        made.start_encoding()


def _refusal(stream: Any, why: str, film: Film, target: Path) -> ConfigError:
    instead = film.path.suffix if film.path.suffix != target.suffix and film.path.suffix in WRITTEN else ".mkv"
    return ConfigError(
        f"{_name(stream)} cannot be put into {target.suffix} ({why}); write {instead} instead",
        where=film.path,
        settings=("output",),
    )


def _name(stream: Any) -> str:
    # Of a stream that FFmpeg cannot decode PyAV knows no name.
    codec = coding_of(stream) or (stream.name if stream.type in ("data", "attachment") else "") or ""
    language = stream.language
    kind = "cover" if stream.disposition & Disposition.attached_pic else stream.type
    return " ".join(filter(None, (f"stream {stream.index}:", kind, codec, f"({language})" if language else "")))
