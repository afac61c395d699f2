"""Films: frames and their times, sound, subtitles and all else that a film's file holds."""

from upres.video.api import Frame, frames, upscale
from upres.video.progress import Advance, FilmSummary

__all__ = ["Advance", "FilmSummary", "Frame", "frames", "upscale"]
