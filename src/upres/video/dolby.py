"""Dolby Vision that nothing else can show: its numbers are no R, G, B by a matrix, so it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from upres.errors import PictureError
from upres.video.colours import Colours

_DOLBY_TAGS = ("dvh1", "dvhe", "dav1")
# Matroska's element that says which Dolby Vision it is, and how many bytes of its record follow.
_DOLBY = (b"\x41\xe7\x84dvcC\x41\xed\x98", b"\x41\xe7\x84dvvC\x41\xed\x98")


def refuse_dolby(stream: Any, header: bytes, first: list[VideoFrame], colours: Colours, path: Path) -> None:
    """Refuse Dolby Vision whose own data alone make R, G, B of its numbers.

    Args:
        stream: the film's pictures.
        header: how Matroska describes them.
        first: some of them.
        colours: what their numbers mean to other players.
        path: the film.

    Raises:
        PictureError: they are of that kind.

    Source of the record's bits: Dolby Vision Streams Within the ISO Base Media File Format, section 3.2.
    """
    profile = _dolby_profile(header)
    if profile is None:
        tagged = stream.codec_context.codec_tag.lower() in _DOLBY_TAGS
        carried = any(each.type == Type.DOVI_RPU_BUFFER for frame in first for each in frame.side_data)
        # A picture for other players says what its numbers mean.
        profile = 5 if (tagged or carried) and colours.transfer == 2 else None
    if profile is not None:
        raise PictureError(
            f"Dolby Vision without a picture for other players (profile {profile}); its colours are no R, G, B by a "
            "matrix. Convert it to HDR10 first",
            where=path,
        )


def _dolby_profile(header: bytes) -> int | None:
    """Return the profile of a Dolby Vision that nothing else can show, or `None`."""
    for mark in _DOLBY:
        at = header.find(mark)
        if at >= 0:
            record = header[at + len(mark) :]
            profile, shown_as = record[2] >> 1, record[4] >> 4
            return profile if shown_as == 0 and profile in (5, 10, 20) else None
    return None
