"""Subtitles of text where a container holds them in another coding: MP4 takes no SRT, Matroska no mov_text.

Words, line breaks and times stay; so do italic, bold and underlined where both codings have them. Places, fonts and
effects of ASS do not. FFmpeg's own coders do the work: each decodes into lines of ASS, and codes such lines.
"""

from __future__ import annotations

from typing import Any

import av
from av.packet import Packet

_PLAIN = ("srt", "subrip", "text", "webvtt", "mov_text")
_STYLED = ("ass", "ssa")


def coding_of(stream: Any) -> str:
    """Return what a stream is coded by, as FFmpeg calls it; empty where it does not know it."""
    context = stream.codec_context
    return "" if context is None else str(context.codec.canonical_name)


def is_text(stream: Any) -> bool:
    """Return whether a stream is subtitles of text, and not of pictures."""
    return stream.type == "subtitle" and coding_of(stream) in (*_PLAIN, *_STYLED)


def is_styled(stream: Any) -> bool:
    """Return whether subtitles say where they stand and in which font."""
    return coding_of(stream) in _STYLED


def is_pause(packet: Any) -> bool:
    """Return whether a packet is what MP4 has between two subtitles: one of no words."""
    return packet.stream.type == "subtitle" and coding_of(packet.stream) == "mov_text" and bytes(packet)[:2] == b"\0\0"


class Turned:
    """A stream of subtitles in another coding.

    Args:
        made: the file that gets it, before its head is written.
        stream: the subtitles, as they were opened.
        coding: the other coding, as FFmpeg calls it.

    Attributes:
        stream: the new one.
        damaged: how many could not be read, and are missing.
    """

    def __init__(self, made: Any, stream: Any, coding: str) -> None:
        self.damaged = 0
        self._decoder = stream.codec_context
        if not self._decoder.is_open:
            self._decoder.open()  # it makes the head that says the styles
        self.stream = made.add_stream(coding)
        self.stream.time_base = self.stream.codec_context.time_base = stream.time_base
        self.stream.codec_context.subtitle_header = self._decoder.subtitle_header

    def packet(self, packet: Any) -> Any | None:
        """Return a packet in the other coding, with the same times; `None` of one that shows nothing."""
        try:
            said = self._decoder.decode2(packet)
            if said is None or not len(said.rects):
                return None
            made = Packet(bytes(self.stream.codec_context.encode_subtitle(said)))
        except av.error.FFmpegError:
            self.damaged += 1  # hours of pictures are done by now: the others are written
            return None
        made.time_base = packet.time_base
        made.pts = made.dts = packet.pts
        made.duration = packet.duration
        return made
