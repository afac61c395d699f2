"""Enlarge a picture: plan tiles, predict, stitch; colour, depth, alpha and metadata survive.

There is one path. A picture comes in as bands of rows, passes one stage for each step of the chain, and leaves
as bands; an array is one large band, a file is read and written while the stages run.

The file is not called upscale.py, because `upres.upscale` is the function: importing a module of that name
would put the module in its place.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ModelError, PictureError
from upres.image import Picture, check_pages, check_writable, read_pages, to_unit, write_pages
from upres.image.bands import CLEAR, OPAQUE, BandReader, Shape, write_bands
from upres.image.codecs.formats import format_for
from upres.image.files import MAX_PIXELS
from upres.image.metadata.tags import Tags
from upres.image.prefetch import Ahead
from upres.image.resize import imresize_bands
from upres.predictors import Predictor
from upres.upscaling import memory, tile_plan, tiled_prediction
from upres.upscaling.pages import flat_pages, upscale_pages
from upres.upscaling.progress import Counter, Progress
from upres.upscaling.sizes import scaled
from upres.upscaling.tile_plan import Plan

_BANDS_WAITING = 2
_PROBE_TILE = 64


class Upscaler:
    """A model, or a chain of them, that enlarges pictures.

    Args:
        predictors: one predictor, or several that are applied one after the other; none for a `scale` up to 1.
        scale: output side ÷ input side; `None` is what the predictors reach together. Below that, their
            result is reduced by antialiased bicubic.
        tile: side of a tile's core in pixels of the picture it is cut from; `None` takes 256, or what fits
            `max_memory`. The result does not depend on it, unless the model looks at the whole picture.
        halo: pixels around a core that the network sees too; `None` takes the model's receptive-field
            radius, with which tiles are exact. Fewer are faster, and leave seams: `worst_difference` measures
            them.
        max_memory: bytes that the process should stay below while `file` works; tiles follow from it.

    Raises:
        ModelError: there is no predictor, or they do not reach `scale`.
        ConfigError: the tile or the halo is out of range.
    """

    def __init__(
        self,
        predictors: Predictor | Sequence[Predictor],
        *,
        scale: float | None = None,
        tile: int | None = None,
        halo: int | None = None,
        max_memory: int = memory.LIMIT,
    ) -> None:
        self.predictors = (predictors,) if isinstance(predictors, Predictor) else tuple(predictors)
        if not self.predictors and (scale is None or scale > 1):
            raise ModelError("Upscaler: no predictor given; give one, or use upres.load(name)")
        reached = self._reached
        if scale is not None and not 0 < scale <= reached:
            names = ", ".join(f"{p.facts.name} ×{p.facts.scale}" for p in self.predictors)
            raise ModelError(f"Upscaler: scale = {scale:g}: {names} reaches ×{reached}; use upres.load(name, scale=…)")
        self.scale: float = reached if scale is None else scale
        self.tile = tile
        self.halo = halo
        self.max_memory = max_memory
        # Refuses a tile or halo out of range now, not at the first picture.
        tile_plan.plan(1, 1, tile=memory.TILE if tile is None else tile, halo=halo)

    def __call__(self, pixels: NDArray[Any], *, progress: Progress | None = None) -> NDArray[Any]:
        """Enlarge an array.

        Args:
            pixels: `h w` (gray) or `h w c`, c = 1 (gray), 2 (gray, alpha), 3 (R, G, B) or 4 (R, G, B, alpha);
                uint8, uint16, or float32 in [0, 1].
            progress: called after every tile with the tiles that are done and their number. An exception
                that it raises stops the work and reaches the caller.

        Returns:
            A new array of the same kind, `round(h * scale)` × `round(w * scale)`.

        Raises:
            PictureError: another shape, dtype or range.
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        if pixels.ndim == 2:
            return self.picture(Picture(pixels[..., None]), progress=progress).pixels[..., 0]
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
            raise PictureError(
                f"pixels have shape {pixels.shape}; upres enlarges h w, or h w c with c = 1 (gray), "
                "2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha)"
            )
        if pixels.shape[2] in (1, 3):
            return self.picture(Picture(pixels), progress=progress).pixels
        sr = self.picture(Picture(pixels[..., :-1], pixels[..., -1]), progress=progress)
        return np.dstack([sr.pixels, sr.alpha])  # type: ignore[list-item]

    def picture(self, picture: Picture, *, progress: Progress | None = None) -> Picture:
        """Enlarge a picture; profile and metadata are carried over, and so is its size on paper.

        Raises:
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        shape = Shape(
            picture.height,
            picture.width,
            picture.pixels.shape[2] + (picture.alpha is not None),
            picture.pixels.dtype.name,
        )
        height, width = self.size(picture.height, picture.width)
        pixels = np.empty((height, width, picture.pixels.shape[2]), shape.dtype)
        alpha = None if picture.alpha is None else np.empty((height, width), shape.dtype)
        clear = picture.alpha is not None and bool((picture.alpha == 0).any())
        top = 0
        for band in self.bands(_bands_of(picture, shape), shape, clear=clear, progress=progress):
            rows = slice(top, top + len(band))
            pixels[rows] = band[..., : pixels.shape[2]]
            if alpha is not None:
                alpha[rows] = band[..., -1]
            top = rows.stop
        resolution = self.tags(picture.tags).resolution
        return dataclasses.replace(picture, pixels=pixels, alpha=alpha, resolution=resolution)

    def file(
        self,
        source: str | os.PathLike[str] | BandReader,
        output: str | os.PathLike[str],
        *,
        quality: int = 95,
        lossless: bool = False,
        max_pixels: int = MAX_PIXELS,
        progress: Progress | None = None,
    ) -> None:
        """Enlarge a file into a file while it is read and written: neither picture is ever held whole.

        Of several pages or frames, one is held at a time.

        Args:
            source: a picture file, or one that has been opened.
            output: as in `upres.write`, which would make the same file of the same picture.
            quality, lossless: as in `upres.write`.
            max_pixels: as in `upres.read`.
            progress: as in `Upscaler`.

        Raises:
            PictureError: the source cannot be read, or the output not hold it; nothing was written.
            ModelError: the model does not do what its facts say.
            FailedError: a tile or the encoder failed; nothing was written.
        """
        reader = source if isinstance(source, BandReader) else BandReader(os.fspath(source), max_pixels=max_pixels)
        if reader.header.pages > 1:
            pages = read_pages(reader.path, max_pixels=max_pixels)
            check_pages(os.fspath(output), pages)
            height, width = self.size(*reader.shape.size)
            check_writable(os.fspath(output), height=height, width=width, lossless=lossless)
            if reader.background is not None:
                pages = flat_pages(pages, reader.background)
            enlarged_pages = upscale_pages(self.picture, pages, progress=progress)
            write_pages(enlarged_pages, os.fspath(output), quality=quality, lossless=lossless)
            return
        shape, drops_alpha = self.check_file(reader, output, lossless=lossless)
        with Ahead(reader.bands(), _BANDS_WAITING) as ahead:
            bands = self.bands(ahead, reader.shape, clear=reader.alpha == CLEAR, progress=progress)
            with Ahead(without_alpha(bands) if drops_alpha else bands, 1) as enlarged:
                write_bands(
                    enlarged,
                    os.fspath(output),
                    shape,
                    self.tags(reader.tags),
                    span=reader.span,
                    quality=quality,
                    lossless=lossless,
                )

    def bands(
        self,
        bands: Iterable[NDArray[Any]],
        shape: Shape,
        *,
        clear: bool,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[Any]]:
        """Enlarge a picture of which only the rows that a row of tiles needs are held.

        Args:
            bands: arrays `rows w c` that follow each other from the top; alpha is last when c is even.
            shape: what they are bands of.
            clear: whether alpha is 0 anywhere.
            progress: as in `Upscaler`.

        Returns:
            Bands of the output, in the same dtype; each is made when it is asked for.
        """
        count = Counter(self._tiles(shape, clear), progress)
        current: Iterator[NDArray[Any]] = iter(bands)
        for index, (predictor, plan) in enumerate(self._plans(shape, clear)):
            # Between two steps nothing is rounded to the picture's depth.
            last = index == len(self.predictors) - 1 and not self._reduces
            dtype = shape.dtype if last else "float32"
            current = tiled_prediction.step(current, plan, predictor, dtype, clear=clear, done=count)
        if not self._reduces:
            return current
        floats = current if self.predictors else (to_unit(band) for band in current)
        height, width = shape.height * self._reached, shape.width * self._reached
        reduced = imresize_bands(floats, height=height, width=width, size=self.size(*shape.size), dtype=np.float32)
        return (tiled_prediction.quantised(band, shape.dtype) for band in reduced)

    def check_file(
        self, reader: BandReader, output: str | os.PathLike[str], *, lossless: bool = False
    ) -> tuple[Shape, bool]:
        """Be sure that an enlarged file can be written, before any work is done.

        Returns:
            What is written, and whether alpha is left out, because it is opaque and the format holds none.

        Raises:
            PictureError: the output cannot hold it; names what can.
            ConfigError: `max_memory` is too small for it.
        """
        shape = self.shape(reader.shape)
        path = Path(os.fspath(output))
        drops = shape.alpha and not format_for(path).alpha and reader.alpha == OPAQUE
        shape = dataclasses.replace(shape, channels=shape.channels - 1) if drops else shape
        check_writable(
            path, height=shape.height, width=shape.width, alpha=shape.alpha, lossless=lossless, span=reader.span
        )
        if self.tile is None:
            self._estimate.check(reader.shape, self.max_memory)
        return shape, drops

    def shape(self, shape: Shape) -> Shape:
        """Return what a picture in bands becomes."""
        height, width = self.size(*shape.size)
        return dataclasses.replace(shape, height=height, width=width)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which a picture is enlarged, at least 1×1."""
        return scaled(height, self.scale), scaled(width, self.scale)

    def tiles(self, height: int, width: int, *, clear: bool = False) -> int:
        """Return how many tiles a picture, with clear pixels or without, takes in all steps together."""
        return self._tiles(Shape(height, width, 4 if clear else 3, "uint8"), clear)

    @functools.cached_property
    def worst_difference(self) -> float:
        """Measure how far tiles may be from the whole picture: 0 to 1, in parts of the range from black to white.

        It is 0 without measuring when tiles are exact. Else a picture of noise, edges and a slope is enlarged in
        nine small tiles and as a whole; photographs show less.
        """
        if all(self._exact(predictor) for predictor in self.predictors):
            return 0.0
        side = _PROBE_TILE * 3
        generator = np.random.default_rng(0)
        slope = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
        edges = (np.add.outer(np.arange(side), np.arange(side)) // 7 % 2).astype(np.float32)[..., None]
        probe = (slope + edges + generator.random((side, side, 3), dtype=np.float32)) / 3
        whole = Upscaler(self.predictors, tile=side)(probe)
        return float(np.abs(whole - Upscaler(self.predictors, tile=_PROBE_TILE, halo=self.halo)(probe)).max())

    @property
    def _reached(self) -> int:
        return math.prod(predictor.facts.scale for predictor in self.predictors)

    @property
    def _reduces(self) -> bool:
        return self.scale != self._reached

    def _exact(self, predictor: Predictor) -> bool:
        radius = predictor.facts.radius
        return radius is not None and (self.halo is None or self.halo >= radius)

    def _tiles(self, shape: Shape, clear: bool) -> int:
        return sum(len(plan) for _, plan in self._plans(shape, clear))

    def _plans(self, shape: Shape, clear: bool) -> Iterator[tuple[Predictor, Plan]]:
        """Yield the steps with the tiles of each."""
        tile = self._tile(shape)
        height, width = shape.size
        for predictor in self.predictors:
            facts = predictor.facts
            yield predictor, tiled_prediction.plan(facts, height, width, tile=tile, asked_halo=self.halo, clear=clear)
            height, width = height * facts.scale, width * facts.scale

    def _tile(self, shape: Shape) -> tuple[int, int]:
        return self._estimate.tile(shape, self.max_memory) if self.tile is None else (self.tile, self.tile)

    @property
    def _estimate(self) -> memory.Estimate:
        return memory.Estimate(tuple(predictor.facts for predictor in self.predictors), self.scale, self.halo)

    def tags(self, tags: Tags) -> Tags:
        """Return what travels with an enlarged picture: it stays as large on paper."""
        if tags.resolution is None:
            return tags
        x, y = tags.resolution
        return dataclasses.replace(tags, resolution=(x * self.scale, y * self.scale))


def _bands_of(picture: Picture, shape: Shape) -> Iterator[NDArray[Any]]:
    if picture.alpha is None:
        yield picture.pixels
        return
    rows = shape.band_rows()
    for top in range(0, picture.height, rows):
        yield np.dstack([picture.pixels[top : top + rows], picture.alpha[top : top + rows]])


def without_alpha(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield bands without their last channel."""
    return (np.ascontiguousarray(band[..., :-1]) for band in bands)
