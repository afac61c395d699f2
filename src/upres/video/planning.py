"""What an enlargement of a film comes to, before it is begun: all that can be refused is refused here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upres.errors import ConfigError, PictureError
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.loading import Upscalers
from upres.video.decoding import Range
from upres.video.encoding import Coding, coding_for
from upres.video.enlarging import FilmSettings, checked_size, enlarge_film, pictures_in
from upres.video.keeping import Kept, kept_streams, with_captions
from upres.video.opening import Film, open_film
from upres.video.options import FilmOptions
from upres.video.predicting import enlargements_for
from upres.video.progress import FilmProgress, FilmSummary
from upres.video.sequences import numbered, write_sequence
from upres.video.table import Container, container_of, is_sequence


@dataclass(frozen=True)
class Plan:
    """What an enlargement of a film comes to, before it is begun.

    Attributes:
        film: as it was opened.
        target: the file that is written.
        enlargements: how its pictures are enlarged; each does one at a time.
        size: the height and width that they get.
        coding: how they are coded, `None` for numbered pictures.
        container: what they are written into, `None` for numbered pictures.
        kept: the streams that go over as they are.
        settings: the rest.
        made_with: the model and what decides about its pixels.
    """

    film: Film
    target: Path
    enlargements: tuple[Enlargement, ...]
    size: tuple[int, int]
    coding: Coding | None
    container: Container | None
    kept: Kept
    settings: FilmSettings
    made_with: dict[str, Any]
    quality: int = 95
    lossless: bool = False

    @property
    def enlargement(self) -> Enlargement:
        """How a picture is enlarged."""
        return self.enlargements[0]

    @property
    def coded(self) -> str:
        """How they are coded, in words."""
        if self.coding is None:
            return f"as pictures, {self.target.name}"
        coding = self.coding
        rate = "" if coding.crf is None else f", crf {coding.crf}"
        return f"{coding.codec.name} ({coding.codec.encoder}), {coding.form}{rate}, preset {coding.preset or 'none'}"

    @property
    def pictures(self) -> int | None:
        """How many pictures there are, where that can be reckoned."""
        return pictures_in(self.film, self.settings.part)


def plan_film(path: Path, target: Path, upscalers: Upscalers, asked: FilmOptions, made_with: dict[str, Any]) -> Plan:
    """Return what an enlargement of a film comes to; all that can be refused is refused here.

    Args:
        path: the film.
        target: the file to write.
        upscalers: the model, for a size.
        asked: what is asked of it.
        made_with: the model and what decides about its pixels, by which a later run knows whether to go on.

    Raises:
        PictureError, ConfigError, ModelError, MissingExtraError: as `upscale`.
    """
    if asked.start < 0 or (asked.end is not None and asked.end <= asked.start):
        raise ConfigError(f"from {float(asked.start):g} s to {float(asked.end or 0):g} s is no part of a film")
    if asked.segment < 1:
        raise ConfigError(f"segment = {asked.segment}: should be at least 1", settings=("segment",))
    sequence = is_sequence(target)
    container = None if sequence else container_of(target)
    film = open_film(path, matrix=asked.matrix)
    if film.interlaced and not asked.deinterlace:
        raise PictureError(
            "its pictures are interlaced: two moments in alternate lines, which an enlargement would weld together. "
            "Let them be woven into whole pictures",
            where=path,
            settings=("deinterlace",),
        )
    enlargements = enlargements_for(upscalers, film)
    size = checked_size(film, enlargements[0])
    settings = FilmSettings(
        Range(asked.start, asked.end),
        asked.deinterlace,
        asked.segment,
        asked.reuse,
        asked.overwrite,
        asked.skip_existing,
    )
    if container is None:
        return Plan(
            film,
            target,
            enlargements,
            size,
            None,
            None,
            Kept((), (), ()),
            settings,
            made_with,
            asked.quality,
            asked.lossless,
        )
    coding = coding_for(
        film, size, container, codec=asked.codec, crf=asked.crf, preset=asked.preset, pix_fmt=asked.pix_fmt
    )
    kept = with_captions(kept_streams(film, container, target), film, coding.codec)
    return Plan(film, target, enlargements, size, coding, container, kept, settings, made_with)


def check_target(target: Path, asked: FilmOptions) -> None:
    """Refuse to replace what is there.

    Raises:
        PictureError: it is, and that was not allowed.
    """
    if is_sequence(target):
        if numbered(target, 1).exists() and not (asked.overwrite or asked.skip_existing):
            raise PictureError(
                "exists already; let it be replaced, or passed over to go on behind the last one",
                where=numbered(target, 1),
                settings=("overwrite", "skip_existing"),
            )
    elif target.exists() and not asked.overwrite:
        raise PictureError(
            "exists already; allow it to be replaced, or write elsewhere",
            where=target,
            settings=("overwrite", "output"),
        )


def run_plan(plan: Plan, *, progress: FilmProgress | None = None, cancel: threading.Event | None = None) -> FilmSummary:
    """Do what was planned.

    Raises:
        FailedError, CancelledError: as `upscale`.
    """
    if plan.coding is None or plan.container is None:
        return write_sequence(
            plan.film,
            plan.target,
            plan.enlargements,
            plan.settings,
            quality=plan.quality,
            lossless=plan.lossless,
            progress=progress,
        )
    return enlarge_film(
        plan.film,
        plan.target,
        plan.enlargements,
        plan.coding,
        plan.container,
        plan.kept,
        plan.settings,
        made_with=plan.made_with,
        progress=progress,
        cancel=cancel,
    )
