"""Closed captions inside pictures (CEA-608 and 708), from a film's frames to those that are coded.

They are side data of frames, which PyAV reads and does not write. FFmpeg's filters hand them on from what comes in to
what goes out: so a tiny frame carries them, is scaled to the size of the enlarged picture, and gets its numbers.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from upres.video.colours import Graphs
from upres.video.opening import has_captions

_SIDE = 16
# What an encoder might write from a frame besides: of that upres decides itself.
_OTHERS = (
    *("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI_RPU_BUFFER", "DOVI_METADATA"),
    *("SEI_UNREGISTERED", "DISPLAYMATRIX", "ICC_PROFILE", "S12M_TIMECOD", "GOP_TIMECODE"),
)


class Captions:
    """Takes the captions of a film's frames.

    Args:
        time_base: of the frames.
    """

    def __init__(self, time_base: Fraction) -> None:
        tiny = ("scale", f"w={_SIDE}:h={_SIDE}:flags=neighbor")
        others = [("sidedata", f"mode=delete:type={each}") for each in _OTHERS]
        self._graphs = Graphs([tiny, ("format", "gray"), *others], time_base)

    def __call__(self, frame: VideoFrame) -> VideoFrame | None:
        """Return a tiny frame that has a frame's captions, or `None` where it has none."""
        return self._graphs(frame)[0] if has_captions(frame) else None


class Captioned:
    """Gives enlarged frames their captions.

    Args:
        size: their height and width.
        form: their pixel format.
        time_base: of the frames.
    """

    def __init__(self, size: tuple[int, int], form: str, time_base: Fraction) -> None:
        scaled = ("scale", f"w={size[1]}:h={size[0]}:flags=neighbor")
        self._graphs = Graphs([scaled, ("format", form)], time_base)

    def __call__(self, frame: VideoFrame, captions: VideoFrame) -> VideoFrame:
        """Return a frame with the same numbers, and captions."""
        made = self._graphs(captions)[0]
        for ours, theirs in zip(made.planes, frame.planes, strict=True):
            rows = np.frombuffer(ours, np.uint8).reshape(-1, ours.line_size)
            numbers = np.frombuffer(theirs, np.uint8).reshape(-1, theirs.line_size)
            both = min(ours.line_size, theirs.line_size)  # behind the numbers of a row there may be room
            rows[:, :both] = numbers[: len(rows), :both]
        return made
