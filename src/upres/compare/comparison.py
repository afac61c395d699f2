"""One's own pictures, enlarged by several models: what a page shows of them, and how they measure up to originals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.compare.regions import Region, evenly_chosen
from upres.compare.ways import Enlarged, Source, cut, kind_of, partner_in, read_still, still, ways_for
from upres.data.check import likeness
from upres.errors import ConfigError, DataError, PictureError
from upres.image import OpenedPicture, Picture, from_unit, picture_files, to_unit
from upres.image.background import laid_on
from upres.metrics import Protocol, measure

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
    """One method on one picture: seconds if it was enlarged here; PSNR in dB and SSIM if the original is known."""

    seconds: float | None
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
        name: of its file, with its folder where two files have one name.
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
        models: at least two: each as in `upres.load`, a folder of pictures that were enlarged elsewhere, or such a
            picture of the only one. In folders, photo_x4 and photox4 belong to photo.
        scale: output side ÷ input side; by default the models' own, which must be one.
        original: what the one picture was made from.
        originals: a folder with a file of the same name for each picture, whatever its suffix.
        crops: which regions are shown of each picture; by default all of it, or regions evenly spaced.
        regions: how many regions are chosen of a large picture: 4, or 1.
        page_bytes: how large the page may become by regions that are chosen.
        threads: as in `upres.load`.
        progress: called with enlargements done and in all.

    Raises:
        ConfigError: fewer than two models, models of several scales, or a region outside a picture.
        PictureError: a picture cannot be read, or is of a kind that pages do not show: animations, documents of
            several pages, HDR, floats beyond 0 and 1.
        DataError: an original or an enlarged file is missing, or does not belong to its picture.
        ModelError, MissingExtraError: as `upres.load`.
    """
    files = _files(pictures)
    if original is not None and originals is not None:
        raise ConfigError("original and originals are both given; one of them says where the originals are")
    if original is not None and len(files) > 1:
        raise ConfigError(f"one original for {len(files)} pictures; give the folder of them", settings=("originals",))
    for path in files:  # before any work: what is wrong with the last is told at once
        opened = still(path)
        for region in crops:
            _check_inside(region, opened)
    partners = _partners(files, original, originals)
    ways = ways_for(models, files, scale, threads)
    scale = ways[0].scale
    share = page_bytes / len(files) / (_PIXEL_BYTES * scale**2 * (len(ways) + (partners is not None)))
    protocol = None if partners is None else Protocol(border=scale)
    alone = len({path.name for path in files}) == len(files)
    found: list[ComparedPicture] = []
    for place, path in enumerate(files):
        form, lr = still(path).header.format, read_still(path)
        hr = None if partners is None else _original(partners[place], lr, path, scale)
        shown = list(crops) or evenly_chosen(lr.height, lr.width, most_pixels=share, count=regions)
        source = Source(path, form, lr, scale, shown)
        versions, measured = [], []
        for number, way in enumerate(ways):
            made = way.enlarged(source, whole=hr is not None)
            measured.append(_measured(made, hr, protocol))
            versions.append([_shown(region) for region in made.regions])
            if progress is not None:
                progress(place * len(ways) + number + 1, len(files) * len(ways))
        views = tuple(
            View(
                region,
                _shown(cut(lr, region)),
                tuple(version[number] for version in versions),
                None if hr is None else _shown(cut(hr, region.times(scale))),
            )
            for number, region in enumerate(shown)
        )
        found.append(
            ComparedPicture(
                path.name if alone else str(path), form, lr.height, lr.width, lr.depth, views, tuple(measured)
            )
        )
    methods = tuple(Method(way.name, way.note) for way in ways)
    return Comparison(scale, methods, tuple(found), protocol, chosen=not crops)


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


def _check_inside(region: Region, opened: OpenedPicture) -> None:
    height, width = opened.shape.size
    if region.x + region.width > width or region.y + region.height > height:
        raise ConfigError(
            f"{opened.path}: crop {region.describe()} goes beyond its {width}×{height} pixels", settings=("crop",)
        )


def _partners(files: Sequence[Path], original: str | Path | None, folder: str | Path | None) -> list[Path] | None:
    """Return the original of each picture, or `None` when there are none."""
    if original is not None:
        return [Path(original)]
    return None if folder is None else [partner_in(Path(folder), path, "original") for path in files]


def _original(path: Path, lr: Picture, lr_path: Path, scale: int) -> Picture:
    """Return the original of a picture, without the rows and columns at its edges that no pixel of lr stands for.

    Raises:
        DataError: it does not belong to the picture.
    """
    hr = read_still(path)
    rest = hr.height - lr.height * scale, hr.width - lr.width * scale
    if not (0 <= rest[0] < scale and 0 <= rest[1] < scale):
        raise DataError(
            f"is {hr.width}×{hr.height}, and {lr_path.name} of {lr.width}×{lr.height} at ×{scale} becomes "
            f"{lr.width * scale}×{lr.height * scale}; give the original that it was made from, or another scale",
            where=path,
            settings=("scale",),
        )
    if kind_of(hr) != kind_of(lr):
        raise DataError(f"is {kind_of(hr)}, and {lr_path.name} is {kind_of(lr)}; make them one kind", where=path)
    hr = cut(hr, Region(0, 0, lr.width * scale, lr.height * scale))
    alike = likeness(*(laid_on(_shown(picture), _WHITE).pixels for picture in (hr, lr)))
    if alike < _ALIKE:
        raise DataError(
            f"shows another picture than {lr_path.name} (their light correlates {alike:.2f}); give its own original",
            where=path,
        )
    return hr


def _measured(made: Enlarged, original: Picture | None, protocol: Protocol | None) -> Measured:
    if original is None or protocol is None or made.whole is None:
        return Measured(made.seconds)
    values = measure(laid_on(made.whole, _WHITE).pixels, laid_on(original, _WHITE).pixels, protocol)
    return Measured(made.seconds, values["psnr"], values["ssim"])


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
        cut(view.lr, inside),
        tuple(cut(version, large) for version in view.versions),
        None if view.original is None else cut(view.original, large),
    )
