"""From a model's name and a size to an `Upscaler`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from upres.models.shipped import DEFAULT, scales
from upres.predictors import Predictor, open_chain
from upres.predictors.ensemble import EnsemblePredictor
from upres.predictors.probing import open_probed_cached
from upres.upscaling.choosing import default_for
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import Upscaler

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


class Upscalers:
    """The upscalers of one model for pictures of any size; steps that they share are loaded once.

    A model is loaded when the first picture asks for it: which one that is, its file may decide.

    Args:
        model: as in `load`; `None` is what `choosing.default_for` each picture's format.
        size: the size that is wanted.
        options: as in `load`.
    """

    def __init__(self, model: str | Path | None = DEFAULT, size: Size = _ANY_SIZE, **options: Unpack[Options]) -> None:
        self.size = size
        self._model = model
        self._options = options
        self._steps: dict[str | Path, dict[int | None, Predictor]] = {}
        self._ready: dict[tuple[str | Path, float | None], Upscaler] = {}

    def for_picture(self, height: int, width: int, form: str | None = None) -> Upscaler:
        """Return the upscaler for a picture of this size, from a file of this format (`Header.format`).

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        key = (self.model_for(form), self.size.scale_for(height, width))
        if key not in self._ready:
            if not self.size.fixed:
                self._ready.clear()  # every picture may have a scale of its own
            self._ready[key] = self._made(*key)
        return self._ready[key]

    @property
    def label(self) -> str:
        """What tells the size in the names of outputs, such as `_x4`. A model that was named is loaded for it.

        Raises:
            ModelError, ConfigError, MissingExtraError: as `load`.
        """
        if self.size.label:
            return self.size.label
        own = scales(default_for(None))[-1] if self._model is None else self.for_picture(1, 1).scale
        return f"_x{own:g}"

    @property
    def loaded(self) -> tuple[Upscaler, ...]:
        """Those that are ready: of sizes that are the same for all pictures, one for each model in use."""
        return tuple(self._ready.values())

    def model_for(self, form: str | None) -> str | Path:
        """Return the model that enlarges pictures of this format."""
        return default_for(form) if self._model is None else self._model

    def _made(self, model: str | Path, scale: float | None) -> Upscaler:
        options = self._options.copy()
        ensemble = options.pop("ensemble", False)
        own: dict[str, Any] = {name: options.pop(name) for name in ("tile", "halo", "max_memory") if name in options}
        if scale is not None and scale <= 1 and not self.size.fixed:
            return Upscaler([], scale=scale, **own)  # it is large enough: reduce it
        # Device and backend are `auto` unless somebody says otherwise; this is where it is asked what they come to.
        open_step = partial(open_probed_cached, **options)  # type: ignore[misc]
        chain = open_chain(model, scale, open_step=open_step, opened=self._steps.setdefault(model, {}))
        if ensemble:
            chain = [EnsemblePredictor(predictor) for predictor in chain]
        return Upscaler(chain, scale=scale, **own)


def load(model: str | Path = DEFAULT, *, scale: float | None = None, **options: Unpack[Options]) -> Upscaler:
    """Load a model, or the shortest chain of models that reaches a scale.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx` or `.safetensors` file.
        scale: any number above 1, up to 32; `None` is the model's own (a shipped name: its largest).
        options: `tile`, `halo`, `max_memory`: as in `Upscaler`. `ensemble`: average what the model makes of the
            eight flips and turns of a picture. `threads`: how many a prediction uses; `None` for one a core.
            `device`, `backend`, `precision`: as in `upres.predictors.probing.open_probed_cached`.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged or unreadable.
        ConfigError: the scale, the tile, the halo or the number of threads is out of range.
        MissingExtraError: a `.safetensors` file, and PyTorch is not installed.
    """
    return Upscalers(model, Size(scale=scale), **options).for_picture(1, 1)
