"""Languages of streams where a container does not take every code: MOV numbers those that a Macintosh knew."""

from __future__ import annotations

import functools
import io

import av
from av.packet import Packet

# The two codes of ISO 639-2 for one language, and FFmpeg's own of some in its table of the Macintosh's.
_TWINS = (
    *("sqi alb", "hye arm", "eus baq", "mya bur", "zho chi", "ces cze", "nld dut", "fra fre", "kat geo", "deu ger"),
    *("ell gre", "isl ice", "mkd mac", "mri mao", "msa may", "fas per", "ron rum", "slk slo", "bod tib", "cym wel"),
    *("swe sve", "gle iri"),
)


@functools.cache
def written_as(code: str, muxer: str) -> str:
    """Return the code by which a container keeps a language: it or its twin; empty where neither is kept.

    Args:
        code: three letters.
        muxer: the container, as FFmpeg calls it.
    """
    if muxer != "mov":
        return code
    twins = next((pair.split() for pair in _TWINS if code in pair.split()), [code])
    return next((each for each in (code, *twins) if _kept(each, muxer)), "")


def _kept(code: str, muxer: str) -> bool:
    """Return whether a code comes back from a file of one subtitle."""
    memory = io.BytesIO()
    with av.open(memory, "w", format=muxer) as made:
        stream = made.add_stream("mov_text")
        stream.metadata["language"] = code
        stream.codec_context.subtitle_header = b"[Script Info]\n"
        made.start_encoding()
        packet = Packet(b"\0\1a")
        packet.stream, packet.pts, packet.dts, packet.duration = stream, 0, 0, 1
        made.mux(packet)
    memory.seek(0)
    with av.open(memory) as read:
        return bool(read.streams[0].metadata.get("language") == code)
