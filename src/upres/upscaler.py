"""Enlarge a picture: plan tiles, predict, stitch; colour, depth, alpha and metadata survive.

There is one path. A picture comes in as bands of rows, passes one stage for each step of the chain, and leaves
as bands; an array is one large band, a file is read and written while the stages run.

The file is not called upscale.py, because `upres.upscale` is the function: importing a module of that name
would put the module in its place.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from upres import models, stages, tiling
from upres.errors import ConfigError, ModelError, PictureError
from upres.image import Picture, check_writable, read, read_pages, to_unit, write_pages
from upres.image.bands import CLEAR, OPAQUE, BandReader, Shape, write_bands
from upres.image.belt import Ahead
from upres.image.files import MAX_PIXELS
from upres.image.formats import format_for
from upres.image.resize import imresize_bands
from upres.image.tags import Tags
from upres.pages import upscale_pages
from upres.predictors import Predictor, open_chain
from upres.predictors.channels import RADIUS, REACH
from upres.predictors.ensemble import EnsemblePredictor
from upres.sizes import Size, scaled

if TYPE_CHECKING:
    import PIL.Image

Progress = Callable[[int, int], object]
"""Called with the tiles that are done and their number; what it raises stops the work and passes through."""

MEMORY = 1_000_000_000
"""Bytes that an enlargement keeps below when nobody says how many."""

# Measured with 13 convolutions of 48 channels on two cores: per useful pixel as fast as 512, in less than half
# its memory (134 MB, 295 MB); 128 loses a quarter of the work to halos. Several tiles in one prediction are no
# faster (8.6 µs a pixel for 4 of 92², 10.8 for 1; 9.8 for 4 of 156², 8.1 for 1): so it is always one.
_TILE = 256
_BAND_BYTES = 80_000_000
_SIDES = (1024, 512, 256, 192, 128, 96, 64, 48, 32, 16)
# A picture's tiles overlap by this much when the model looks farther than any halo.
_OVERLAP = 32
# The interpreter, NumPy, libvips and ONNX Runtime with a model: 72 MB, and coders with their own buffers.
_PROCESS_BYTES = 200_000_000
# Of a prediction, for a pixel of its input: what a runtime holds are the outputs of about three layers (650 bytes
# measured for 48 channels, ×4), and another half in reserve.
_LAYERS_HELD = 4
_UNKNOWN_WIDTH = 64
# Between prediction and coder, and as many of the picture before, in a folder.
_PIECES_WAITING = 6
# imresize works on 64 rows of float64 at a time, in about four arrays.
_RESIZED_ROW_BYTES = 64 * 8 * 4
_BANDS_WAITING = 2
_PROBE_TILE = 64
_ANY_SIZE = Size()


class Options(TypedDict, total=False):
    """What `load` and `upscale` take besides model and size; `load` says what each is."""

    tile: int | None
    halo: int | None
    max_memory: int
    ensemble: bool
    threads: int | None
    device: str
    backend: str
    precision: str


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
        max_memory: int = MEMORY,
    ) -> None:
        self.predictors = (predictors,) if isinstance(predictors, Predictor) else tuple(predictors)
        if not self.predictors and (scale is None or scale > 1):
            raise ModelError("Upscaler: no predictor given; give one, or use upres.load(name)")
        reached = math.prod(predictor.facts.scale for predictor in self.predictors)
        if scale is not None and not 0 < scale <= reached:
            names = ", ".join(f"{p.facts.name} ×{p.facts.scale}" for p in self.predictors)
            raise ModelError(f"Upscaler: scale = {scale:g}: {names} reaches ×{reached}; use upres.load(name, scale=…)")
        self.scale: float = reached if scale is None else scale
        self.tile = tile
        self.halo = halo
        self.max_memory = max_memory
        self._reduces = self.scale != reached
        # Refuses a tile or halo out of range now, not at the first picture.
        tiling.plan(1, 1, tile=_TILE if tile is None else tile, halo=halo)

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
            pages = upscale_pages(self, read_pages(reader.path, max_pixels=max_pixels), progress=progress)
            write_pages(pages, os.fspath(output), quality=quality, lossless=lossless)
            return
        shape, drops_alpha = self.check_file(reader, output, lossless=lossless)
        with Ahead(reader.bands(), _BANDS_WAITING) as ahead:
            bands = self.bands(ahead, reader.shape, clear=reader.alpha == CLEAR, progress=progress)
            with Ahead(_without_alpha(bands) if drops_alpha else bands, 1) as enlarged:
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
        count = _Counter(self._tiles(shape, clear), progress)
        tile = self._tile(shape)
        height, width = shape.size
        current: Iterator[NDArray[Any]] = iter(bands)
        for index, predictor in enumerate(self.predictors):
            plan = self._plan(predictor, height, width, tile, clear=clear)
            stage = stages.exact if predictor.facts.radius is not None or len(plan) == 1 else stages.blended
            # Between two steps nothing is rounded to the picture's depth.
            last = index == len(self.predictors) - 1 and not self._reduces
            current = stage(current, plan, predictor, shape.dtype if last else "float32", clear=clear, done=count)
            height, width = height * predictor.facts.scale, width * predictor.facts.scale
        if not self._reduces:
            return current
        floats = current if self.predictors else (to_unit(band) for band in current)
        reduced = imresize_bands(floats, height=height, width=width, size=self.size(*shape.size), dtype=np.float32)
        return (stages.quantised(band, shape.dtype) for band in reduced)

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
        self._tile(reader.shape, limited=True)
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

    def _exact(self, predictor: Predictor) -> bool:
        radius = predictor.facts.radius
        return radius is not None and (self.halo is None or self.halo >= radius)

    def _tiles(self, shape: Shape, clear: bool) -> int:
        total = 0
        tile = self._tile(shape)
        height, width = shape.size
        for predictor in self.predictors:
            total += len(self._plan(predictor, height, width, tile, clear=clear))
            height, width = height * predictor.facts.scale, width * predictor.facts.scale
        return total

    def _plan(
        self, predictor: Predictor, height: int, width: int, tile: tuple[int, int], *, clear: bool = False
    ) -> tiling.Plan:
        facts = predictor.facts
        halo = self.halo
        if halo is None:
            halo = _OVERLAP if facts.radius is None else facts.radius + (REACH if clear else 0)
        return tiling.plan(height, width, tile=tile, halo=max(halo, RADIUS), multiple=facts.multiple)

    def _tile(self, shape: Shape, *, limited: bool = False) -> tuple[int, int]:
        """Return height and width of the tiles: what was asked for, or what memory allows with least work twice.

        With `limited`, memory that is too small even for the smallest tiles is an error.
        """
        if self.tile is not None:
            return self.tile, self.tile
        whole = max(shape.size)
        looks_at_all = any(predictor.facts.radius is None for predictor in self.predictors)
        if looks_at_all and self._bytes(shape, whole, whole) <= self.max_memory:
            return whole, whole
        pairs = [pair for pair in itertools.product(_SIDES, _SIDES) if math.prod(pair) <= _TILE**2]
        fitting = [pair for pair in pairs if self._bytes(shape, *pair) <= self.max_memory]
        if not fitting and limited:
            least = self._bytes(shape, _SIDES[-1], _SIDES[-1])
            raise ConfigError(
                f"max_memory = {self.max_memory / 1e6:,.0f} MB: a picture of {shape.width}×{shape.height} "
                f"needs {least / 1e6:,.0f} MB; allow as much (--max-memory)"
            )
        halo = max((self._halo(predictor) for predictor in self.predictors), default=0)
        sides = fitting or [(_SIDES[-1], _SIDES[-1])]
        # Flat tiles for wide pictures, of which a row of tiles is most of what is held.
        flat = [pair for pair in sides if self._band_bytes(shape, pair[0]) <= _BAND_BYTES] or sides
        return min(flat, key=lambda pair: ((pair[0] + 2 * halo) * (pair[1] + 2 * halo) / math.prod(pair), -pair[1]))

    def _band_bytes(self, shape: Shape, rows: int) -> int:
        """Return the bytes of what a row of tiles becomes."""
        height, width = self.size(*shape.size)
        return min(math.ceil(rows * self.scale), height) * width * shape.channels * np.dtype(shape.dtype).itemsize

    def _halo(self, predictor: Predictor) -> int:
        if self.halo is not None:
            return self.halo
        return _OVERLAP if predictor.facts.radius is None else predictor.facts.radius

    def _bytes(self, shape: Shape, rows: int, columns: int) -> int:
        """Estimate what the process holds with tiles of such a height and width."""
        held, prediction = _PROCESS_BYTES, 0
        height, width = shape.size
        item = np.dtype(shape.dtype).itemsize
        for index, predictor in enumerate(self.predictors):
            scale, around = predictor.facts.scale, 2 * self._halo(predictor)
            tall, wide = min(rows + around, height), min(columns + around, width)
            held += 2 * tall * width * shape.channels * item  # the rows of a band, and those it is put together from
            prediction = max(prediction, tall * wide * _bytes_a_pixel(predictor, shape.channels))
            last = index == len(self.predictors) - 1 and not self._reduces
            item = np.dtype(shape.dtype).itemsize if last else 4
            height, width = height * scale, width * scale
            if predictor.facts.radius is None:
                held += 4 * tall * scale * width * (shape.channels + 1) * 4  # sums and weights, and the next ones
            elif not last:
                held += 2 * min(rows * scale, height) * width * shape.channels * item
        if self._reduces:
            held += _RESIZED_ROW_BYTES * width * shape.channels
        band = self._band_bytes(shape, rows)
        return held + prediction + band + _PIECES_WAITING * stages.PIECE_BYTES

    def tags(self, tags: Tags) -> Tags:
        """Return what travels with an enlarged picture: it stays as large on paper."""
        if tags.resolution is None:
            return tags
        x, y = tags.resolution
        return dataclasses.replace(tags, resolution=(x * self.scale, y * self.scale))


def _bytes_a_pixel(predictor: Predictor, channels: int) -> int:
    """Estimate what a prediction holds for each pixel of its input, and what is made of its output."""
    width = predictor.facts.arch.get("width", _UNKNOWN_WIDTH)
    layers = _LAYERS_HELD * (width if isinstance(width, int) else _UNKNOWN_WIDTH)
    return 4 * (layers + 6 * predictor.facts.scale**2 * channels)


def _bands_of(picture: Picture, shape: Shape) -> Iterator[NDArray[Any]]:
    if picture.alpha is None:
        yield picture.pixels
        return
    rows = shape.band_rows()
    for top in range(0, picture.height, rows):
        yield np.dstack([picture.pixels[top : top + rows], picture.alpha[top : top + rows]])


def _without_alpha(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    return (np.ascontiguousarray(band[..., :-1]) for band in bands)


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


class Upscalers:
    """The upscalers of one model for pictures of any size; steps that they share are loaded once.

    Args:
        model: as in `load`.
        size: the size that is wanted.
        options: as in `load`.
    """

    def __init__(self, model: str | Path = models.DEFAULT, size: Size = _ANY_SIZE, **options: Unpack[Options]) -> None:
        self.size = size
        self._model = model
        self._options = options
        self._steps: dict[int | None, Predictor] = {}
        self._ready: dict[float | None, Upscaler] = {}
        if size.fixed:
            self.for_picture(1, 1)  # refuses what is wrong now, not at the first picture

    def for_picture(self, height: int, width: int) -> Upscaler:
        """Return the upscaler for a picture of this size.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        scale = self.size.scale_for(height, width)
        if scale not in self._ready:
            if not self.size.fixed:
                self._ready.clear()  # every picture may have a scale of its own
            self._ready[scale] = self._made(scale)
        return self._ready[scale]

    def _made(self, scale: float | None) -> Upscaler:
        options = self._options.copy()
        ensemble = options.pop("ensemble", False)
        own: dict[str, Any] = {name: options.pop(name) for name in ("tile", "halo", "max_memory") if name in options}
        if scale is not None and scale <= 1 and not self.size.fixed:
            return Upscaler([], scale=scale, **own)  # it is large enough: reduce it
        chain = open_chain(self._model, scale, opened=self._steps, **options)  # type: ignore[misc]
        if ensemble:
            chain = [EnsemblePredictor(predictor) for predictor in chain]
        return Upscaler(chain, scale=scale, **own)


def load(model: str | Path = models.DEFAULT, *, scale: float | None = None, **options: Unpack[Options]) -> Upscaler:
    """Load a model, or the shortest chain of models that reaches a scale.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx` or `.safetensors` file.
        scale: any number above 1, up to 32; `None` is the model's own (a shipped name: its largest).
        options: `tile`, `halo`, `max_memory`: as in `Upscaler`. `ensemble`: average what the model makes of the
            eight flips and turns of a picture. `threads`: how many a prediction uses; `None` for one a core.
            `device`, `backend`, `precision`: as in `upres.predictors.open_predictor`.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged or unreadable.
        ConfigError: the scale, the tile, the halo or the number of threads is out of range.
        MissingExtraError: a `.safetensors` file, and PyTorch is not installed.
    """
    return Upscalers(model, Size(scale=scale), **options).for_picture(1, 1)


@overload
def upscale(
    source: str | os.PathLike[str] | Picture,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path = models.DEFAULT,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Picture: ...
@overload
def upscale(
    source: NDArray[Any],
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path = models.DEFAULT,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> NDArray[Any]: ...
@overload
def upscale(
    source: PIL.Image.Image,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path = models.DEFAULT,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> PIL.Image.Image: ...
def upscale(
    source: Any,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path = models.DEFAULT,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Any:
    """Enlarge one picture. For several, `load` once and call the `Upscaler`; for files, use `Upscaler.file`.

    Args:
        source: the path of a picture file or a `Picture` (a `Picture` is returned: `upres.write` saves it),
            an array (as `Upscaler` takes it; an array is returned), or a PIL image (one is returned).
        scale, width, height, fit: how large, in one of these ways (`upres.sizes.Size`); a picture that is larger
            already is reduced. By default the model's own scale, for the default model ×4.
        model, options: as in `load`.
        progress: as in `Upscaler`.

    Raises:
        PictureError: the picture cannot be read, or is of a kind that upres does not enlarge.
        ModelError, ConfigError, MissingExtraError: as `load`.
        NonFiniteError: a tile became NaN or infinite.
    """
    upscalers = Upscalers(model, Size(scale, width, height, fit), **options)
    if isinstance(source, str | os.PathLike):
        source = read(os.fspath(source))
    if isinstance(source, Picture):
        return upscalers.for_picture(source.height, source.width).picture(source, progress=progress)
    if isinstance(source, np.ndarray):
        if source.ndim not in (2, 3) or 0 in source.shape:
            return load("bicubic")(source)  # says what is wrong with it
        return upscalers.for_picture(*source.shape[:2])(source, progress=progress)
    # Who holds a PIL image has loaded PIL; who does not need not have it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _upscale_pil(upscalers.for_picture(source.height, source.width), source, progress)
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
