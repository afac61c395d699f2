"""Enlarge a picture: plan tiles, predict, stitch; colour, depth, alpha and metadata survive.

Whatever happens to colour and alpha happens inside a tile, so that the tiled picture equals the whole one,
and so that a band of tiles needs nothing but the rows it was cut from.

The file is not called upscale.py, because `upres.upscale` is the function: importing a module of that name
would put the module in its place.
"""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upres import models, tiling
from upres.errors import ModelError, NonFiniteError, PictureError
from upres.image import Picture, from_unit, imresize, read, to_unit
from upres.predictors import Predictor, open_chain
from upres.predictors.channels import RADIUS, REACH, enlarge, enlarge_alpha, enlarge_under_alpha

if TYPE_CHECKING:
    import PIL.Image

    from upres.tiling import Span, Tile

Progress = Callable[[int, int], object]
"""Called with the tiles that are done and their number; what it raises stops the work and passes through."""

# Measured with 13 convolutions of 48 channels on two cores: per useful pixel as fast as 512, in less than half
# its memory (134 MB, 295 MB); 128 loses a quarter of the work to halos.
_TILE = 256
# 1 ÷ 2^20 of the range moves results that fall exactly between two levels, which is where bicubic's rational
# weights put many, off the edge: else rounding noise, which depends on the tile, would choose the level.
_TIE = np.float32(2.0**-20)


class Upscaler:
    """A model, or a chain of them, that enlarges pictures.

    Args:
        predictors: one predictor, or several that are applied one after the other.
        scale: output side ÷ input side; `None` is what the predictors reach together. Below that, their
            result is reduced by antialiased bicubic.
        tile: side of a tile's core in pixels of the picture it is cut from; the result does not depend on it.
        halo: pixels around a core that the network sees too; `None` takes the model's receptive-field
            radius, with which tiles are exact. Fewer are faster, and leave seams.

    Raises:
        ModelError: there is no predictor, or they do not reach `scale`.
        ConfigError: the tile or the halo is out of range.
    """

    def __init__(
        self,
        predictors: Predictor | Sequence[Predictor],
        *,
        scale: float | None = None,
        tile: int = _TILE,
        halo: int | None = None,
    ) -> None:
        self.predictors = (predictors,) if isinstance(predictors, Predictor) else tuple(predictors)
        if not self.predictors:
            raise ModelError("Upscaler: no predictor given; give one, or use upres.load(name)")
        reached = math.prod(predictor.facts.scale for predictor in self.predictors)
        if scale is not None and not 0 < scale <= reached:
            names = ", ".join(f"{p.facts.name} ×{p.facts.scale}" for p in self.predictors)
            raise ModelError(f"Upscaler: scale = {scale:g}: {names} reaches ×{reached}; use upres.load(name, scale=…)")
        self.scale: float = reached if scale is None else scale
        self.tile = tile
        self.halo = halo
        self._reduces = self.scale != reached
        self._plan(self.predictors[0], 1, 1)  # refuses a tile or halo out of range now, not at the first picture

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
        pixels, alpha = picture.pixels, picture.alpha
        clear = alpha is not None and bool((alpha == 0).any())
        count = _Counter(self.tiles(picture.height, picture.width, clear=clear), progress)
        for index, predictor in enumerate(self.predictors):
            last = index == len(self.predictors) - 1 and not self._reduces
            # Between two steps nothing is rounded to the picture's depth.
            dtype = picture.pixels.dtype if last else np.dtype(np.float32)
            pixels, alpha = self._step(predictor, pixels, alpha, clear, dtype, count)
        if self._reduces:
            size = self.size(picture.height, picture.width)
            pixels = _quantised(imresize(pixels, size=size), picture.pixels.dtype)
            alpha = None if alpha is None else _quantised(imresize(alpha, size=size), picture.pixels.dtype)
        resolution = picture.resolution
        return dataclasses.replace(
            picture,
            pixels=pixels,
            alpha=alpha,
            resolution=None if resolution is None else (resolution[0] * self.scale, resolution[1] * self.scale),
        )

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which a picture is enlarged, at least 1×1."""
        return max(1, math.floor(height * self.scale + 0.5)), max(1, math.floor(width * self.scale + 0.5))

    def _plan(self, predictor: Predictor, height: int, width: int, *, clear: bool = False) -> tiling.Plan:
        facts = predictor.facts
        halo = self.halo
        if halo is None and facts.radius is not None:
            halo = facts.radius + (REACH if clear else 0)
        return tiling.plan(
            height,
            width,
            tile=self.tile,
            halo=halo if halo is None or halo < 0 else max(halo, RADIUS),
            multiple=facts.multiple,
        )

    def tiles(self, height: int, width: int, *, clear: bool = False) -> int:
        """Return how many tiles a picture, with clear pixels or without, takes in all steps together."""
        total = 0
        for predictor in self.predictors:
            total += len(self._plan(predictor, height, width, clear=clear))
            height, width = height * predictor.facts.scale, width * predictor.facts.scale
        return total

    def _step(
        self,
        predictor: Predictor,
        pixels: NDArray[Any],
        alpha: NDArray[Any] | None,
        clear: bool,
        dtype: np.dtype[Any],
        count: _Counter,
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        height, width, channels = pixels.shape
        scale = predictor.facts.scale
        sr = np.empty((height * scale, width * scale, channels), dtype)
        sr_alpha = None if alpha is None else np.empty(sr.shape[:2], dtype)
        for tile in self._plan(predictor, height, width, clear=clear):
            out = _scaled(tile.rows, scale), _scaled(tile.columns, scale)
            core = _core(tile.rows, scale), _core(tile.columns, scale)
            if clear and alpha is not None:
                part = enlarge_under_alpha(predictor, _cut(pixels, tile), _cut(alpha, tile))
            else:
                part = enlarge(predictor, _cut(pixels, tile))
            if alpha is not None and sr_alpha is not None:
                part_alpha = enlarge_alpha(predictor, _cut(alpha, tile))
                sr_alpha[out] = _quantised(_finite(part_alpha, predictor, tile)[core], dtype)
            sr[out] = _quantised(_finite(part, predictor, tile)[core], dtype)
            count()
        return sr, sr_alpha


class _Counter:
    """Tells `progress` about each tile that is done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _cut(pixels: NDArray[Any], tile: Tile) -> NDArray[np.float32]:
    """Return a tile's input as floats; where it reaches beyond the picture, the edge is repeated."""
    rows, columns = tile.rows, tile.columns
    box = to_unit(pixels[rows.input_start : rows.input_stop, columns.input_start : columns.input_stop])
    missing = rows.input_length - box.shape[0], columns.input_length - box.shape[1]
    if any(missing):
        box = np.pad(box, [(0, missing[0]), (0, missing[1])] + [(0, 0)] * (box.ndim - 2), mode="edge")
    return box


def _scaled(span: Span, scale: int) -> slice:
    return slice(span.start * scale, span.stop * scale)


def _core(span: Span, scale: int) -> slice:
    return slice((span.start - span.input_start) * scale, (span.stop - span.input_start) * scale)


def _finite(sr: NDArray[np.float32], predictor: Predictor, tile: Tile) -> NDArray[np.float32]:
    if not np.isfinite(sr).all():
        raise NonFiniteError(
            f"model {predictor.facts.name}: NaN or infinite pixels in the tile at {tile}; "
            "nothing was written; use another model"
        )
    return sr


def _quantised(values: NDArray[np.float32], dtype: DTypeLike) -> NDArray[Any]:
    return from_unit(values if np.dtype(dtype).kind == "f" else values + _TIE, dtype)


def load(
    model: str | Path = models.DEFAULT,
    *,
    scale: float | None = None,
    tile: int = _TILE,
    halo: int | None = None,
    threads: int | None = None,
) -> Upscaler:
    """Load a model, or the shortest chain of models that reaches a scale.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx` or `.safetensors` file.
        scale: any number above 1, up to 32; `None` is the model's own (a shipped name: its largest).
        tile, halo: as in `Upscaler`.
        threads: how many threads a prediction uses; `None` for one a core.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged or unreadable.
        ConfigError: the scale, the tile, the halo or the number of threads is out of range.
        MissingExtraError: a `.safetensors` file, and PyTorch is not installed.
    """
    return Upscaler(open_chain(model, scale, threads=threads), scale=scale, tile=tile, halo=halo)


@overload
def upscale(
    source: str | os.PathLike[str] | Picture,
    *,
    scale: float | None = None,
    model: str | Path = models.DEFAULT,
    tile: int = _TILE,
    halo: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Picture: ...
@overload
def upscale(
    source: NDArray[Any],
    *,
    scale: float | None = None,
    model: str | Path = models.DEFAULT,
    tile: int = _TILE,
    halo: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]: ...
@overload
def upscale(
    source: PIL.Image.Image,
    *,
    scale: float | None = None,
    model: str | Path = models.DEFAULT,
    tile: int = _TILE,
    halo: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PIL.Image.Image: ...
def upscale(
    source: Any,
    *,
    scale: float | None = None,
    model: str | Path = models.DEFAULT,
    tile: int = _TILE,
    halo: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """Enlarge one picture. For several, `load` once and call the `Upscaler`.

    Args:
        source: the path of a picture file or a `Picture` (a `Picture` is returned: `upres.write` saves it),
            an array (as `Upscaler` takes it; an array is returned), or a PIL image (one is returned).
        scale, model, tile, halo, threads: as in `load`; the default model enlarges ×4.
        progress: as in `Upscaler`.

    Raises:
        PictureError: the picture cannot be read, or is of a kind that upres does not enlarge.
        ModelError, ConfigError, MissingExtraError: as `load`.
        NonFiniteError: a tile became NaN or infinite.
    """
    upscaler = load(model, scale=scale, tile=tile, halo=halo, threads=threads)
    if isinstance(source, str | os.PathLike):
        return upscaler.picture(read(os.fspath(source)), progress=progress)
    if isinstance(source, Picture):
        return upscaler.picture(source, progress=progress)
    if isinstance(source, np.ndarray):
        return upscaler(source, progress=progress)
    # Who holds a PIL image has loaded PIL; who does not need not have it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _upscale_pil(upscaler, source, progress)
    raise PictureError(
        f"cannot enlarge a {type(source).__name__}; give a path, a Picture, a NumPy array or a PIL image"
    )


_PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")


def _upscale_pil(upscaler: Upscaler, image: PIL.Image.Image, progress: Progress | None) -> PIL.Image.Image:
    from PIL import Image

    if image.mode not in _PIL_MODES:
        raise PictureError(
            f'a PIL image of mode {image.mode}; upres enlarges {", ".join(_PIL_MODES)}; use image.convert("RGB")'
        )
    result = Image.fromarray(upscaler(np.asarray(image), progress=progress))
    result.info = {key: image.info[key] for key in ("icc_profile", "exif") if key in image.info}
    return result
