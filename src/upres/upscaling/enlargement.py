"""How pictures are enlarged: models one after the other, the tiles of each, and the reduction behind them.

A picture comes in as bands of rows, is enlarged by tiled prediction for each step, and leaves as bands.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_MEMORY
from upres.errors import ModelError
from upres.image.bands import Shape, as_gray, as_rgb, neutral, shape_of
from upres.image.metadata.tags import Tags
from upres.image.picture import Picture, to_unit
from upres.image.resize import imresize_bands
from upres.predictors import Predictor
from upres.upscaling import memory, tile_plan, tiled_prediction
from upres.upscaling.memory import NOTHING, Held
from upres.upscaling.progress import Counter, Progress
from upres.upscaling.sizes import scaled
from upres.upscaling.tile_memory import PictureTiles
from upres.upscaling.tile_plan import Plan

_PROBE_TILE = 64


class Enlargement:
    """Models that are applied one after the other, and what is done around them.

    Args:
        predictors: in the order in which they are applied; none for a `scale` up to 1.
        scale, tile, halo, max_memory: as in `Upscaler`.

    Raises:
        ModelError: there is no predictor, or they do not reach `scale`.
        ConfigError: the tile or the halo is out of range.
    """

    def __init__(
        self,
        predictors: Sequence[Predictor],
        *,
        scale: float | None = None,
        tile: int | None = None,
        halo: int | None = None,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        self.predictors = tuple(predictors)
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
        # For pictures of one size after the other: to find the tile takes longer than to enlarge a small one.
        self._last_tile: tuple[Shape, Held, tuple[int, int]] | None = None
        # Refuses a tile or halo out of range now, not at the first picture.
        tile_plan.plan(1, 1, tile=memory.TILE if tile is None else tile, halo=halo)

    def picture(
        self, picture: Picture, *, progress: Progress | None = None, repeats: PictureTiles | None = None
    ) -> Picture:
        """Enlarge a picture; profile and metadata are carried over, and so is its size on paper.

        Args:
            picture: what is enlarged.
            progress: called with tiles done and in all.
            repeats: what knows the tiles of the pictures before, of films.

        Raises:
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        shape = shape_of(picture)
        height, width = self.size(picture.height, picture.width)
        pixels = np.empty((height, width, picture.pixels.shape[2]), shape.dtype)
        alpha = None if picture.alpha is None else np.empty((height, width), shape.dtype)
        clear = picture.alpha is not None and bool((picture.alpha == 0).any())
        top = 0
        gray = neutral(picture.pixels)
        bands = _bands_of(picture, shape)
        for band in self.bands(bands, shape, clear=clear, neutral=gray, progress=progress, repeats=repeats):
            rows = slice(top, top + len(band))
            pixels[rows] = band[..., : pixels.shape[2]]
            if alpha is not None:
                alpha[rows] = band[..., -1]
            top = rows.stop
        resolution = self.tags(picture.tags).resolution
        return dataclasses.replace(picture, pixels=pixels, alpha=alpha, resolution=resolution)

    def bands(
        self,
        bands: Iterable[NDArray[Any]],
        shape: Shape,
        *,
        clear: bool,
        neutral: bool = False,
        held: Held = NOTHING,
        progress: Progress | None = None,
        repeats: PictureTiles | None = None,
    ) -> Iterator[NDArray[Any]]:
        """Enlarge a picture of which only the rows that a row of tiles needs are held.

        Args:
            bands: arrays `rows w c` that follow each other from the top; alpha is last when c is even.
            shape: what they are bands of.
            clear: whether alpha is 0 anywhere.
            neutral: whether R, G and B are equal everywhere: then they are enlarged as gray, and stay equal. It is
                asked of the whole picture, as a tile of another would show a seam.
            held: what the process holds besides; tiles are the smaller for it.
            progress: called with tiles done and in all.
            repeats: as in `picture`.

        Returns:
            Bands of the output, in the same dtype; each is made when it is asked for.
        """
        if neutral:
            gray = dataclasses.replace(shape, channels=shape.channels - 2)
            return as_rgb(self.bands(as_gray(bands), gray, clear=clear, held=held, progress=progress, repeats=repeats))
        plans = list(self._plans(shape, clear, held))
        count = Counter(sum(len(plan) for _, plan in plans), progress)
        current: Iterator[NDArray[Any]] = iter(bands)
        for index, (predictor, plan) in enumerate(plans):
            # Between two steps nothing is rounded to the picture's depth.
            last = index == len(self.predictors) - 1 and not self._reduces
            dtype = shape.dtype if last else "float32"
            current = tiled_prediction.step(current, plan, predictor, dtype, clear=clear, done=count, memory=repeats)
        if not self._reduces:
            return current
        floats = current if self.predictors else (to_unit(band) for band in current)
        height, width = shape.height * self._reached, shape.width * self._reached
        reduced = imresize_bands(floats, height=height, width=width, size=self.size(*shape.size), dtype=np.float32)
        return (tiled_prediction.quantised(band, shape.dtype) for band in reduced)

    def shape(self, shape: Shape) -> Shape:
        """Return what a picture in bands becomes."""
        height, width = self.size(*shape.size)
        return dataclasses.replace(shape, height=height, width=width)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which a picture is enlarged, at least 1×1."""
        return scaled(height, self.scale), scaled(width, self.scale)

    def tiles(self, height: int, width: int, *, clear: bool = False) -> int:
        """Return how many tiles a picture, with clear pixels or without, takes in all steps together."""
        shape = Shape(height, width, 4 if clear else 3, "uint8")
        return sum(len(plan) for _, plan in self._plans(shape, clear, NOTHING))

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
        whole = Enlargement(self.predictors, tile=side).picture(Picture(probe)).pixels
        tiled = Enlargement(self.predictors, tile=_PROBE_TILE, halo=self.halo).picture(Picture(probe)).pixels
        return float(np.abs(whole - tiled).max())

    def check_memory(self, shape: Shape, held: Held = NOTHING) -> None:
        """Refuse a picture that `max_memory` is too small for.

        Args:
            shape: the picture.
            held: what the process holds besides.

        Raises:
            ConfigError: says how much is needed.
        """
        if self.tile is None or held.bytes:
            self._estimate(held).check(shape, self.max_memory)

    def needed_bytes(self, shape: Shape, held: Held = NOTHING) -> int:
        """Return how many bytes enlarging a picture takes at most, without what the process holds anyway.

        Args:
            shape: the picture.
            held: as in `check_memory`.
        """
        estimate = self._estimate(held)
        return estimate.bytes(shape, *self._tile(shape, held)) - memory.PROCESS_BYTES

    @property
    def _reached(self) -> int:
        return math.prod(predictor.facts.scale for predictor in self.predictors)

    @property
    def _reduces(self) -> bool:
        return self.scale != self._reached

    def _exact(self, predictor: Predictor) -> bool:
        if predictor.facts.radius is None:
            return False
        return self.halo is None or self.halo >= tiled_prediction.halo(predictor.facts, None)

    def _plans(self, shape: Shape, clear: bool, held: Held) -> Iterator[tuple[Predictor, Plan]]:
        """Yield the steps with the tiles of each."""
        tile = self._tile(shape, held)
        height, width = shape.size
        for predictor in self.predictors:
            facts = predictor.facts
            yield predictor, tiled_prediction.plan(facts, height, width, tile=tile, asked_halo=self.halo, clear=clear)
            height, width = height * facts.scale, width * facts.scale

    def _tile(self, shape: Shape, held: Held) -> tuple[int, int]:
        if self.tile is not None:
            return self.tile, self.tile
        last = self._last_tile
        if last is None or last[:2] != (shape, held):
            last = self._last_tile = shape, held, self._estimate(held).tile(shape, self.max_memory)
        return last[2]

    def _estimate(self, held: Held) -> memory.Estimate:
        return memory.Estimate(tuple(predictor.facts for predictor in self.predictors), self.scale, self.halo, held)

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
