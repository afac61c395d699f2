"""From a model's name and a size to an `Upscaler`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_MEMORY
from upres.image.opening import OpenedPicture
from upres.models.corners import ALONE, ORIGIN, Corners, Position
from upres.models.shipped import DEFAULT, scales
from upres.predictors import Predictor, open_chain
from upres.predictors.chains import Step, first_scale
from upres.predictors.ensemble import EnsemblePredictor
from upres.predictors.opening import corners_for, current_name, is_bicubic, is_path
from upres.predictors.probing import NEAR, open_probed_cached
from upres.upscaling.choosing import CLEAN, DEFAULT_DETAIL, Chosen, Denoise, denoise_for, denoise_of_pixels
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import Upscaler

_ANY_SIZE = Size()
# Each holds the activations of its own predictions; another takes up to 0.1 s to open.
_MIXTURES_KEPT = 2


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
    denoise: float | None
    detail: float | None


class Upscalers:
    """The upscalers of one model for pictures of any size; steps that they share are loaded once.

    A model is loaded when the first picture asks for it: which one that is, its file may decide.

    Args:
        model: as in `load`.
        size: the size that is wanted.
        kept: how many scales and places between the model's corners stay loaded.
        options: as in `load`; without `denoise` each picture gets what is chosen for it.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT,
        size: Size = _ANY_SIZE,
        *,
        kept: int = _MIXTURES_KEPT,
        **options: Unpack[Options],
    ) -> None:
        self.size = size
        self._kept = kept
        self._options = options.copy()
        asked = self._options.pop("denoise", None)
        self._detail = self._options.pop("detail", None)
        self._model, position = current_name(model)
        if self._model != model and asked is None:
            asked = position.denoise
        self._denoise = None if asked is None else Denoise(asked)
        # By whether they are exact: what `near` gives pictures of more than 8 bits.
        self._steps: dict[bool, dict[Step, Predictor]] = {False: {}, True: {}}
        self._ready: dict[tuple[float | None, Position, bool], Upscaler] = {}

    def position_for(
        self,
        opened: OpenedPicture,
        *,
        size: Size | None = None,
        denoise: float | None = None,
        detail: float | None = None,
    ) -> Chosen:
        """Return the place between the model's corners for a picture: as asked for, or chosen for what it is.

        Args:
            opened: the picture.
            size, denoise, detail: what is wanted of this picture; `None` is what is wanted of all.

        Raises:
            ModelError: no shipped model has that name.
            PictureError: the data is damaged or cut short.
        """
        corners = self._corners(*opened.shape.size, self.size if size is None else size)
        asked = self._denoise if denoise is None else Denoise(denoise)
        if asked is None and corners.compressed:
            asked = denoise_for(opened)
        return self._chosen(corners, asked, detail)

    def for_pixels(self, pixels: NDArray[Any]) -> Upscaler:
        """Return the upscaler for pixels `h w` or `h w c` of which no file is known.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        height, width = pixels.shape[:2]
        corners = self._corners(height, width, self.size)
        choose = self._denoise is None and corners.compressed
        chosen = self._chosen(corners, denoise_of_pixels(pixels) if choose else None)
        return self.for_picture(height, width, chosen.position, deep=pixels.dtype != np.uint8)

    def for_opened(self, opened: OpenedPicture, position: Position, size: Size | None = None) -> Upscaler:
        """Return the upscaler for a picture that was opened; `position` and `size` as in `for_picture`.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        return self.for_picture(*opened.shape.size, position, size, deep=opened.shape.dtype != "uint8")

    def for_picture(
        self,
        height: int,
        width: int,
        position: Position | None = None,
        size: Size | None = None,
        *,
        deep: bool = False,
    ) -> Upscaler:
        """Return the upscaler for a picture of this size.

        Args:
            height, width: of the picture.
            position: as `position_for` says; `None` is what was asked for, or that of a clean picture.
            size: what is wanted of this picture; `None` is what is wanted of all.
            deep: whether it has more than 8 bits; precision `near` is float32 for it.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        wanted = self.size if size is None else size
        position = position or self._chosen(self._corners(height, width, wanted)).position
        exact = deep and self._options.get("precision") == NEAR
        key = (wanted.scale_for(height, width), position, exact)
        if key in self._ready:
            self._ready[key] = self._ready.pop(key)  # the latest is the last to go
            return self._ready[key]
        while len(self._ready) >= self._kept:
            del self._ready[next(iter(self._ready))]
        used = {place for _, kept, _ in [*self._ready, key] for place in (kept, Position(detail=kept.detail))}
        for steps in self._steps.values():
            for step in [step for step in steps if step[1] not in used | {ORIGIN}]:
                del steps[step]
        self._ready[key] = self._made(*key, wanted)
        return self._ready[key]

    def _corners(self, height: int, width: int, size: Size) -> Corners:
        """Return the corners of the model that meets a picture first."""
        scale = size.scale_for(height, width)
        if is_bicubic(self._model) or (scale is not None and scale <= 1):
            return ALONE
        return corners_for(self._model, None if is_path(self._model) else first_scale(str(self._model), scale))

    def _chosen(self, corners: Corners, denoise: Denoise | None = None, detail: float | None = None) -> Chosen:
        denoise = denoise or self._denoise or CLEAN
        if detail is None:
            detail = self._detail
        if detail is None:
            detail = DEFAULT_DETAIL if corners.detailed else 0.0
        return Chosen(Position(denoise.position, detail).rounded, denoise.reason)

    def beside(self, threads: int) -> Upscalers:
        """Return another that opens its models anew, for predictions of so many threads beside others."""
        options = self._options.copy()
        options["threads"] = threads
        other = Upscalers(self._model, self.size, kept=self._kept, **options)
        other._denoise, other._detail = self._denoise, self._detail
        return other

    @property
    def threads(self) -> int | None:
        """How many threads a prediction uses; `None` for one a core."""
        return self._options.get("threads")

    @property
    def label(self) -> str:
        """What tells the size in the names of outputs, such as `_x4`. A model that is a file is loaded for it.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        if self.size.label:
            return self.size.label
        by_name = not (is_bicubic(self._model) or is_path(self._model))
        own = scales(str(self._model))[-1] if by_name else self.for_picture(1, 1).scale
        return f"_x{own:g}"

    @property
    def loaded(self) -> tuple[Upscaler, ...]:
        """Those that are ready: of sizes that are the same for all pictures, one for each position in use."""
        return tuple(self._ready.values())

    def _made(self, scale: float | None, position: Position, exact: bool, size: Size) -> Upscaler:
        options = self._options.copy()
        if exact:
            options["precision"] = "fp32"
        ensemble = options.pop("ensemble", False)
        own: dict[str, Any] = {name: options.pop(name) for name in ("tile", "halo", "max_memory") if name in options}
        if scale is not None and scale <= 1 and not size.fixed:
            return Upscaler([], scale=scale, **own)  # it is large enough: reduce it

        # Device and backend are `auto` unless somebody says otherwise; this is where it is asked what they come to.
        def opened(model: str | Path, its_scale: int | None, place: Position) -> Predictor:
            return open_probed_cached(model, its_scale, position=place, **options)  # type: ignore[misc]

        chain = open_chain(self._model, scale, open_step=opened, opened=self._steps[exact], position=position)
        if ensemble:
            chain = [EnsemblePredictor(predictor) for predictor in chain]
        return Upscaler(chain, scale=scale, **own)


def load(
    model: str | Path = DEFAULT,
    *,
    scale: float | None = None,
    denoise: float | None = None,
    detail: float | None = None,
    ensemble: bool = False,
    tile: int | None = None,
    halo: int | None = None,
    max_memory: int = MAX_MEMORY,
    threads: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "fp32",
) -> Upscaler:
    """Load a model, or the shortest chain of models that reaches a scale.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx` or `.safetensors` file.
        scale: any number above 1, up to 32; `None` is the model's own (a shipped name: its largest).
        denoise: from 0, for clean pictures, to 1, for what was compressed hard; `None` is 0.
        detail: from 0, as near to the truth as can be, to 1, with the detail that the truth may have had; `None` is
            between them where the model has both.
        ensemble: average what the model makes of the eight flips and turns of a picture.
        tile, halo, max_memory: as in `Upscaler`.
        threads: how many a prediction uses; `None` for one a core.
        device, backend, precision: as in `upres.predictors.probing.open_probed_cached`.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged or unreadable.
        ConfigError: the scale, the tile, the halo or the number of threads is out of range.
        MissingExtraError: a `.safetensors` file, and PyTorch is not installed.
    """
    upscalers = Upscalers(
        model,
        Size(scale=scale),
        tile=tile,
        halo=halo,
        max_memory=max_memory,
        ensemble=ensemble,
        threads=threads,
        device=device,
        backend=backend,
        precision=precision,
        denoise=denoise,
        detail=detail,
    )
    return upscalers.for_picture(1, 1)
