"""What enlarges a picture of a comparison: a model, or somebody else's files."""

from __future__ import annotations

import dataclasses
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from upres.compare.regions import Region, surroundings
from upres.config.limits import MAX_SCALE
from upres.errors import ConfigError, DataError, PictureError
from upres.image import OpenedPicture, Picture, picture_files
from upres.image.bands import neutral, shape_of
from upres.image.codecs.table import SUFFIXES
from upres.models.asked import asked
from upres.models.shipped import BICUBIC, shipped
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.sizes import Size

# photo_x4 and photox4 are photo.
_ENDING = re.compile(r"(.+?)_?x\d{1,2}", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Source:
    """A picture that is enlarged, where it came from, and what of it is shown."""

    path: Path
    form: str
    lr: Picture
    scale: int
    regions: Sequence[Region]

    @property
    def whole(self) -> Region:
        """All of it."""
        return Region(0, 0, self.lr.width, self.lr.height)


@dataclass(frozen=True, eq=False)
class Enlarged:
    """What became of a source: its regions, all of it if that was made, and seconds if it was enlarged here."""

    regions: Sequence[Picture]
    whole: Picture | None
    seconds: float | None


class Way(ABC):
    """A way to a larger picture: the name under which a page shows it, and its scale."""

    name: str
    scale: int

    @abstractmethod
    def enlarged(self, source: Source, *, whole: bool) -> Enlarged:
        """Return a source's regions enlarged, and all of it where that is asked for.

        Raises:
            DataError: there is nothing for this source, or it does not fit.
            ModelError, NonFiniteError: as `upres.Upscaler`.
        """

    @property
    @abstractmethod
    def note(self) -> str:
        """What it is in words, once something was enlarged."""


class ModelWay(Way):
    """A model, which enlarges no more than it must.

    Args:
        name: what it is called.
        model, threads: as in `upres.load`; the model with a place between its corners as `upres.models.asked` says.
        scale: output side ÷ input side.
    """

    def __init__(self, name: str, model: str | Path, scale: int, threads: int | None) -> None:
        self.name, self.scale = name, scale
        model, place = asked(model)
        options: Options = {"threads": threads}
        if place.denoise is not None:
            options["denoise"] = place.denoise
        if place.detail is not None:
            options["detail"] = place.detail
        self._upscalers = Upscalers(model, Size(scale=scale), **options)

    def enlarged(self, source: Source, *, whole: bool) -> Enlarged:
        """Enlarge as `Way` says."""
        lr, scale = source.lr, source.scale
        position = self._upscalers.position_for(OpenedPicture(source.path)).position
        enlargement = self._upscalers.for_picture(lr.height, lr.width, position).enlargement
        clear = lr.alpha is not None and bool((lr.alpha == 0).any())
        gray = neutral(lr.pixels)
        parts = [
            source.whole if whole else surroundings(region, enlargement, lr.height, lr.width, clear=clear)
            for region in source.regions
        ]
        seconds, made = 0.0, {}
        for part in dict.fromkeys(parts):
            start = time.perf_counter()
            made[part] = _part(enlargement, cut(lr, part), clear=clear, gray=gray)
            seconds += time.perf_counter() - start
        regions = [
            cut(made[part], region.inside(part).times(scale))
            for region, part in zip(source.regions, parts, strict=True)
        ]
        return Enlarged(regions, made[source.whole] if whole else None, seconds)

    @property
    def note(self) -> str:
        """Parameters, and what runs it."""
        predictors = self._upscalers.loaded[0].enlargement.predictors
        parameters = sum(predictor.facts.parameters for predictor in predictors)
        steps = "" if len(predictors) == 1 else f" in {len(predictors)} steps"
        what = f"{parameters:,} parameters" if parameters else "no network"
        return f"{what}{steps}{f'; {predictors[0].how}' if predictors[0].how else ''}"


class FilesWay(Way):
    """Pictures that were enlarged elsewhere: a folder of them, or the file of one.

    Args:
        name: what it is called.
        path: the folder or the file.
        scale: output side ÷ input side.
    """

    def __init__(self, name: str, path: Path, scale: int) -> None:
        self.name, self.scale = name, scale
        self._path = path

    @property
    def note(self) -> str:
        """That nobody here knows more."""
        return "made elsewhere"

    def enlarged(self, source: Source, *, whole: bool) -> Enlarged:
        """Read what was made of the source."""
        path = _made_of(source.path, self._path)
        sr = read_still(path)
        wanted = source.lr.height * source.scale, source.lr.width * source.scale
        if (sr.height, sr.width) != wanted:
            raise DataError(
                f"is {sr.width}×{sr.height}, and {source.path.name} of {source.lr.width}×{source.lr.height} at "
                f"×{source.scale} becomes {wanted[1]}×{wanted[0]}; give files of this size, or another scale",
                where=path,
                settings=("scale",),
            )
        if whole and kind_of(sr) != kind_of(source.lr):
            raise DataError(
                f"is {kind_of(sr)}, and {source.path.name} is {kind_of(source.lr)}; make them one kind to be measured",
                where=path,
            )
        regions = [cut(sr, region.times(source.scale)) for region in source.regions]
        return Enlarged(regions, sr if whole else None, None)


def ways_for(models: Sequence[str | Path], files: Sequence[Path], scale: int | None, threads: int | None) -> list[Way]:
    """Return the ways that a comparison goes, and check that there are several and that their scales are one.

    Args:
        models: names and files of models; folders of enlarged pictures; an enlarged picture of the only file.
        files: what is enlarged.
        scale: output side ÷ input side; `None` takes their own.
        threads: as in `upres.load`.

    Raises:
        ConfigError: fewer than two; another scale than a whole number; several scales.
        ModelError, MissingExtraError: as `upres.load`.
        DataError: as `FilesWay`.
    """
    names = _names(models)
    if scale is not None and not 2 <= scale <= MAX_SCALE:
        raise ConfigError(f"scale = {scale}: should be a whole number from 2 to {MAX_SCALE}", settings=("scale",))
    elsewhere = {name for name, model in zip(names, models, strict=True) if _of_files(model, files)}
    if scale is None:
        own = {
            name: _scale_of(files[0], Path(model)) if name in elsewhere else _own_scale(model, threads)
            for name, model in zip(names, models, strict=True)
            if model != BICUBIC
        }
        if len(set(own.values())) > 1:
            listed = ", ".join(f"{name} ×{value}" for name, value in own.items())
            raise ConfigError(f"the models enlarge differently ({listed}); say how much", settings=("scale",))
        scale = next(iter(own.values()))
    return [
        FilesWay(name, Path(model), scale) if name in elsewhere else ModelWay(name, model, scale, threads)
        for name, model in zip(names, models, strict=True)
    ]


def partner_in(folder: Path, path: Path, what: str) -> Path:
    """Return the file in a folder that belongs to a picture: of its name, but for the suffix and an ending as _x4.

    Raises:
        DataError: there is none, or several.
    """
    by_name: dict[str, list[Path]] = {}
    for found in picture_files(folder):
        for name in {found.stem, _plain(found.stem)}:
            by_name.setdefault(name, []).append(found)
    for name in (path.stem, _plain(path.stem)):
        several = by_name.get(name, [])
        fitting = [found for found in several if found.stem == name] or several
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = " and ".join(found.name for found in fitting)
            raise DataError(f"several files in {folder} are its {what}: {names}; leave one", where=path)
    raise DataError(f"no {what} of this name in {folder}; name it {path.stem}.png", where=path)


def still(path: Path) -> OpenedPicture:
    """Open a picture that a page can show.

    Raises:
        PictureError: it is of another kind.
    """
    opened = OpenedPicture(path)
    if opened.header.pages > 1:
        raise PictureError(
            f"holds {opened.header.pages} pages or frames; a comparison shows still pictures, so save one of them as "
            "a file of its own",
            where=path,
        )
    if opened.tags.needs_cicp:
        raise PictureError(
            "is HDR by PNG's cICP or HEIF's nclx, which a page would show wrong; convert it to sRGB", where=path
        )
    return opened


def read_still(path: Path) -> Picture:
    """Read a picture that a page can show; odd data is warned of.

    Raises:
        PictureError: as `still`; numbers beyond 0 and 1.
    """
    opened = still(path)
    picture = opened.picture()
    opened.warn()
    if picture.span != (0.0, 1.0):
        low, high = picture.span
        said = f"goes from {low:g} to {high:g}, and a page shows 0 to 1"
        raise PictureError(f"{said}; scale its numbers first", where=path)
    return picture


def kind_of(picture: Picture) -> str:
    """Return in words which channels a picture has."""
    return f"{'gray' if picture.gray else 'RGB'}{'' if picture.alpha is None else ' with alpha'}"


def cut(picture: Picture, region: Region) -> Picture:
    """Return a region of a picture."""
    pixels = np.ascontiguousarray(picture.pixels[region.slices])
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[region.slices])
    return dataclasses.replace(picture, pixels=pixels, alpha=alpha)


def _part(enlargement: Enlargement, lr: Picture, *, clear: bool, gray: bool) -> Picture:
    """Enlarge a part as it is enlarged inside its picture: by what is true of all of it."""
    sr = np.concatenate(list(enlargement.bands([lr.samples], shape_of(lr), clear=clear, neutral=gray)))
    if lr.alpha is None:
        return dataclasses.replace(lr, pixels=sr)
    return dataclasses.replace(lr, pixels=np.ascontiguousarray(sr[..., :-1]), alpha=np.ascontiguousarray(sr[..., -1]))


def _made_of(path: Path, made: Path) -> Path:
    """Return what was made of a picture: the file itself, or the one in the folder."""
    return partner_in(made, path, "enlarged picture") if made.is_dir() else made


def _scale_of(path: Path, made: Path) -> int:
    """Return how many times as large what was made of a picture is."""
    file = _made_of(path, made)
    (height, width), (large, wide) = still(path).shape.size, still(file).shape.size
    scale = large // height
    if not 2 <= scale <= MAX_SCALE or (large, wide) != (height * scale, width * scale):
        raise DataError(f"is {wide}×{large}, no whole number of times the {width}×{height} of {path.name}", where=file)
    return scale


def _own_scale(model: str | Path, threads: int | None) -> int:
    return int(Upscalers(asked(model)[0], threads=threads).for_picture(1, 1).scale)


def _names(models: Sequence[str | Path]) -> list[str]:
    names = [Path(model).name for model in models]
    if len(set(names)) < len(names):
        names = [str(model) for model in models]
    if len(set(names)) < max(2, len(names)):
        raise ConfigError(
            f"models {', '.join(names) or 'none'}: a comparison takes at least two, each once", settings=("models",)
        )
    return names


def _of_files(model: str | Path, files: Sequence[Path]) -> bool:
    if model == BICUBIC or any(model == one.name for one in shipped()):
        return False  # a folder that happens to be called so is ./base
    path = Path(model)
    if path.is_dir():
        return True
    if path.suffix.lower() not in SUFFIXES:
        return False
    if len(files) > 1:
        raise ConfigError(
            f"models {path}: one enlarged picture for {len(files)} pictures; give the folder of them",
            settings=("models",),
        )
    return True


def _plain(stem: str) -> str:
    found = _ENDING.fullmatch(stem)
    return stem if found is None else found[1]
