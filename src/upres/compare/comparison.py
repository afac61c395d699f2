"""One's own pictures, enlarged by several models: what a page shows of them, and how they measure up to originals."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.compare.regions import Region, evenly_chosen, surroundings
from upres.config.limits import MAX_PIXELS, MAX_SCALE
from upres.data.check import likeness
from upres.errors import ConfigError, DataError, PictureError
from upres.image import OpenedPicture, Picture, from_unit, picture_files, to_unit
from upres.image.background import laid_on
from upres.image.bands import neutral, shape_of
from upres.metrics import Protocol, measure
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.loading import Upscalers
from upres.upscaling.sizes import Size

MODELS = ("bicubic", "base", "best")
"""What is compared when nobody says."""

PAGE_BYTES = 8_000_000
"""How large a page becomes when nobody says: what is shown of large pictures follows from it."""

# Bytes that a pixel takes in a page at least, as lossless WebP in base64: 0.5 to 1.8 of photographs enlarged ×4. What
# comes out larger than a page may be is cut once its size is known, which costs less than showing too little.
_PIXEL_BYTES = 0.7
_WHITE = (1.0, 1.0, 1.0)
_ALIKE = 0.5


@dataclass(frozen=True)
class Method:
    """A way to enlarge: its name, and what it is in words."""

    name: str
    note: str


@dataclass(frozen=True)
class Measured:
    """One method on one picture: seconds of enlarging, and PSNR in dB and SSIM where the original is known."""

    seconds: float
    psnr: float | None = None
    ssim: float | None = None


@dataclass(frozen=True, eq=False)
class View:
    """What is shown of a picture: a region of lr, and the same of each method's sr and of the original, 8 bits each."""

    region: Region
    lr: Picture
    versions: tuple[Picture, ...]
    original: Picture | None = None


@dataclass(frozen=True, eq=False)
class ComparedPicture:
    """One picture.

    Attributes:
        name: of its file.
        form: the format of its file.
        height, width: of lr.
        depth: bits a channel; it is shown in 8.
        views: what is shown of it.
        measured: of each method.
    """

    name: str
    form: str
    height: int
    width: int
    depth: int
    views: tuple[View, ...]
    measured: tuple[Measured, ...]

    @property
    def whole(self) -> bool:
        """Whether all of it is shown."""
        region = self.views[0].region
        return (region.width, region.height) == (self.width, self.height)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures, each enlarged by each method.

    Attributes:
        scale: output side ÷ input side.
        methods: what enlarged them.
        pictures: the pictures.
        protocol: how they were measured, or `None` without originals.
        chosen: whether regions were chosen for the page's size, and not by a person.
    """

    scale: int
    methods: tuple[Method, ...]
    pictures: tuple[ComparedPicture, ...]
    protocol: Protocol | None
    chosen: bool

    def shrunk(self, share: float) -> Comparison:
        """Return the comparison with this share of each region, from its middle."""
        pictures = tuple(
            dataclasses.replace(picture, views=tuple(_shrunk(view, share, self.scale) for view in picture.views))
            for picture in self.pictures
        )
        return dataclasses.replace(self, pictures=pictures)


def compare(
    pictures: Sequence[str | Path],
    models: Sequence[str | Path] = MODELS,
    *,
    scale: int | None = None,
    original: str | Path | None = None,
    originals: str | Path | None = None,
    crops: Sequence[Region] = (),
    regions: int = 4,
    page_bytes: int = PAGE_BYTES,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Enlarge pictures by several models.

    Without originals, of a large picture only what is shown is enlarged, with enough around it that the pixels are
    those of the whole. With originals, pictures are enlarged and measured whole, as `upres evaluate` measures them.

    Args:
        pictures: files, and folders of them.
        models: at least two, each as in `upres.load`.
        scale: output side ÷ input side; by default the models' own, which must be one.
        original: what the one picture was made from.
        originals: a folder with a file of the same name for each picture, whatever its suffix; photo_x4 and photox4
            belong to photo.
        crops: which regions are shown of each picture; by default all of it, or regions evenly spaced.
        regions: how many regions are chosen of a large picture: 4, or 1.
        page_bytes: how large the page may become by regions that are chosen.
        threads: as in `upres.load`.
        progress: called with enlargements done and in all.

    Raises:
        ConfigError: fewer than two models, models of several scales, or a region outside a picture.
        PictureError: a picture cannot be read, or is of a kind that pages do not show: animations, documents of
            several pages, HDR, floats beyond 0 and 1.
        DataError: an original is missing, or does not belong to its picture.
        ModelError, MissingExtraError: as `upres.load`.
    """
    files = _files(pictures)
    names = _names(models)
    partners = _partners(files, original, originals, scale)
    for path in files:  # before any work: what is wrong with the last is told at once
        opened = _opened(path)
        for region in crops:
            _check_inside(region, opened)
    scale = _scale(models, scale, threads)
    upscalers = [Upscalers(model, Size(scale=scale), threads=threads) for model in models]
    share = page_bytes / len(files) / (_PIXEL_BYTES * scale**2 * (len(names) + (partners is not None)))
    protocol = None if partners is None else Protocol(border=scale)
    methods: list[Method] = []
    found: list[ComparedPicture] = []
    for place, path in enumerate(files):
        one = _opened(path)
        lr = one.picture()
        one.warn()
        partner = None if partners is None else _original(partners[place], lr, path, scale)
        shown = list(crops) or evenly_chosen(lr.height, lr.width, most_pixels=share, count=regions)
        made: list[tuple[list[Picture], Measured]] = []
        for number, (name, ways) in enumerate(zip(names, upscalers, strict=True)):
            upscaler = ways.for_picture(lr.height, lr.width, one.header.format)
            made.append(_enlarged(upscaler.enlargement, lr, shown, scale, partner, protocol, path))
            if place == 0:
                methods.append(Method(name, _note(upscaler.enlargement)))
            if progress is not None:
                progress(place * len(names) + number + 1, len(files) * len(names))
        views = tuple(
            View(
                region,
                _shown(_cut(lr, region)),
                tuple(versions[number] for versions, _ in made),
                None if partner is None else _shown(_cut(partner, region.times(scale))),
            )
            for number, region in enumerate(shown)
        )
        found.append(
            ComparedPicture(
                name=path.name,
                form=one.header.format,
                height=lr.height,
                width=lr.width,
                depth=lr.depth,
                views=views,
                measured=tuple(measured for _, measured in made),
            )
        )
    return Comparison(scale, tuple(methods), tuple(found), protocol, chosen=not crops)


def _files(pictures: Sequence[str | Path]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, pictures):
        inside = picture_files(path) if path.is_dir() else [path]
        if not inside:
            raise PictureError("holds no pictures; give a folder of pictures, or files", where=path)
        found += inside
    if not found:
        raise ConfigError("no picture given; give one, or several")
    return list(dict.fromkeys(found))


def _names(models: Sequence[str | Path]) -> list[str]:
    names = [Path(model).name for model in models]
    if len(set(names)) < len(names):
        names = [str(model) for model in models]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError(
            f"models {', '.join(names) or 'none'}: a comparison takes at least two, each once", settings=("models",)
        )
    return names


def _scale(models: Sequence[str | Path], scale: int | None, threads: int | None) -> int:
    if scale is not None:
        if not 2 <= scale <= MAX_SCALE:
            raise ConfigError(f"scale = {scale}: should be a whole number from 2 to {MAX_SCALE}", settings=("scale",))
        return scale
    own = {str(model): Upscalers(model, threads=threads).for_picture(1, 1).scale for model in models}
    said = {int(value) for model, value in own.items() if model != "bicubic"}
    if len(said) > 1:
        listed = ", ".join(f"{Path(model).name} ×{value:g}" for model, value in own.items())
        raise ConfigError(f"the models enlarge differently ({listed}); say how much", settings=("scale",))
    return said.pop()


def _opened(path: Path) -> OpenedPicture:
    """Open a picture that a page can show.

    Raises:
        PictureError: it is of another kind.
    """
    opened = OpenedPicture(path, max_pixels=MAX_PIXELS)
    if opened.header.pages > 1:
        raise PictureError(
            f"holds {opened.header.pages} pages or frames; a comparison shows still pictures, so save one of them as "
            "a file of its own",
            where=path,
        )
    if opened.tags.needs_cicp:
        raise PictureError("is HDR by its cICP chunk, which a page would show wrong; convert it to sRGB", where=path)
    return opened


def _check_inside(region: Region, opened: OpenedPicture) -> None:
    height, width = opened.shape.size
    if region.x + region.width > width or region.y + region.height > height:
        raise ConfigError(
            f"{opened.path}: crop {region.describe()} goes beyond its {width}×{height} pixels", settings=("crop",)
        )


def _partners(
    files: Sequence[Path], original: str | Path | None, folder: str | Path | None, scale: int | None
) -> list[Path] | None:
    """Return the original of each picture, or `None` when there are none."""
    if original is not None and folder is not None:
        raise ConfigError("original and originals are both given; one of them says where the originals are")
    if original is not None:
        if len(files) > 1:
            raise ConfigError(
                f"one original for {len(files)} pictures; give the folder of them", settings=("originals",)
            )
        return [Path(original)]
    if folder is None:
        return None
    by_stem: dict[str, Path] = {}
    for path in picture_files(folder):
        by_stem.setdefault(path.stem, path)
    partners = []
    for path in files:
        stems = [path.stem, *(path.stem.removesuffix(end) for end in _endings(path.stem, scale))]
        partner = next((by_stem[stem] for stem in stems if stem in by_stem), None)
        if partner is None:
            raise DataError(f"no original of this name in {folder}; name it {path.stem}.png", where=path)
        partners.append(partner)
    return partners


def _endings(stem: str, scale: int | None) -> list[str]:
    scales = range(2, MAX_SCALE + 1) if scale is None else (scale,)
    return [end for number in scales for end in (f"_x{number}", f"x{number}") if stem.endswith(end)]


def _original(path: Path, lr: Picture, lr_path: Path, scale: int) -> Picture:
    """Return the original of a picture, without the rows and columns at its edges that no pixel of lr stands for.

    Raises:
        DataError: it does not belong to the picture.
    """
    hr = _opened(path).picture()
    rest = hr.height - lr.height * scale, hr.width - lr.width * scale
    if not (0 <= rest[0] < scale and 0 <= rest[1] < scale):
        raise DataError(
            f"is {hr.width}×{hr.height}, and {lr_path.name} of {lr.width}×{lr.height} at ×{scale} becomes "
            f"{lr.width * scale}×{lr.height * scale}; give the original that it was made from, or another scale",
            where=path,
            settings=("scale",),
        )
    if (hr.alpha is None) != (lr.alpha is None) or hr.gray != lr.gray:
        raise DataError(f"is {_kind(hr)}, and {lr_path.name} is {_kind(lr)}; make them one kind", where=path)
    hr = _cut(hr, Region(0, 0, lr.width * scale, lr.height * scale))
    alike = likeness(*(laid_on(_shown(picture), _WHITE).pixels for picture in (hr, lr)))
    if alike < _ALIKE:
        raise DataError(
            f"shows another picture than {lr_path.name} (their light correlates {alike:.2f}); give its own original",
            where=path,
        )
    return hr


def _kind(picture: Picture) -> str:
    return f"{'gray' if picture.gray else 'RGB'}{'' if picture.alpha is None else ' with alpha'}"


def _enlarged(
    enlargement: Enlargement,
    lr: Picture,
    regions: Sequence[Region],
    scale: int,
    original: Picture | None,
    protocol: Protocol | None,
    path: Path,
) -> tuple[list[Picture], Measured]:
    """Enlarge what is shown, or all where it is measured."""
    if lr.span != (0.0, 1.0):
        raise PictureError(
            f"goes from {lr.span[0]:g} to {lr.span[1]:g}, and a page shows 0 to 1; scale its numbers first", where=path
        )
    clear = lr.alpha is not None and bool((lr.alpha == 0).any())
    gray = neutral(lr.pixels)
    whole = Region(0, 0, lr.width, lr.height)
    parts = [
        whole if original is not None else surroundings(region, enlargement, lr.height, lr.width, clear=clear)
        for region in regions
    ]
    seconds, made = 0.0, {}
    for part in dict.fromkeys(parts):
        start = time.perf_counter()
        made[part] = _part(enlargement, _cut(lr, part), clear=clear, gray=gray)
        seconds += time.perf_counter() - start
    shown = [
        _shown(_cut(made[part], region.inside(part).times(scale))) for region, part in zip(regions, parts, strict=True)
    ]
    if original is None or protocol is None:
        return shown, Measured(seconds)
    values = measure(laid_on(made[whole], _WHITE).pixels, laid_on(original, _WHITE).pixels, protocol)
    return shown, Measured(seconds, values["psnr"], values["ssim"])


def _part(enlargement: Enlargement, lr: Picture, *, clear: bool, gray: bool) -> Picture:
    """Enlarge a part as it is enlarged inside its picture: by what is true of all of it."""
    shape = shape_of(lr)
    samples = lr.pixels if lr.alpha is None else np.dstack([lr.pixels, lr.alpha])
    sr = np.concatenate(list(enlargement.bands([samples], shape, clear=clear, neutral=gray)))
    if lr.alpha is None:
        return dataclasses.replace(lr, pixels=sr)
    return dataclasses.replace(lr, pixels=np.ascontiguousarray(sr[..., :-1]), alpha=np.ascontiguousarray(sr[..., -1]))


def _cut(picture: Picture, region: Region) -> Picture:
    pixels: NDArray[Any] = np.ascontiguousarray(picture.pixels[region.slices])
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[region.slices])
    return dataclasses.replace(picture, pixels=pixels, alpha=alpha)


def _shown(picture: Picture) -> Picture:
    """Return what a browser gets: 8 bits, the profile, and nothing of what else travels with a picture."""

    def rounded(samples: NDArray[Any]) -> NDArray[Any]:
        return samples if samples.dtype == np.uint8 else from_unit(to_unit(samples), np.uint8)

    alpha = None if picture.alpha is None else rounded(picture.alpha)
    return Picture(rounded(picture.pixels), alpha, picture.profile)


def _shrunk(view: View, share: float, scale: int) -> View:
    region = view.region.shrunk(share)
    inside = region.inside(view.region)
    large = inside.times(scale)
    return View(
        region,
        _cut(view.lr, inside),
        tuple(_cut(version, large) for version in view.versions),
        None if view.original is None else _cut(view.original, large),
    )


def _note(enlargement: Enlargement) -> str:
    """Return what a method is, in words."""
    if not enlargement.predictors:
        return "reduction"
    parameters = sum(predictor.facts.parameters for predictor in enlargement.predictors)
    steps = "" if len(enlargement.predictors) == 1 else f" in {len(enlargement.predictors)} steps"
    what = f"{parameters:,} parameters" if parameters else "no network"
    how = enlargement.predictors[0].how
    return f"{what}{steps}{f'; {how}' if how else ''}"
