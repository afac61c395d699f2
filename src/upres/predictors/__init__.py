"""Predictors: NCHW float32 in, NCHW float32 out. A leaf and its runtime load when a model needs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

from upres import models
from upres.errors import ConfigError, ModelError
from upres.predictors.base import Predictor

__all__ = ["Predictor", "open_chain", "open_predictor", "shortest_chain"]

_BICUBIC_SCALE = 4  # when nobody says
# ×32 turns one megapixel into a thousand; above it a scale is a slip of the finger.
_LARGEST_SCALE = 32


def open_predictor(
    model: str | Path = models.DEFAULT, scale: int | None = None, *, threads: int | None = None
) -> Predictor:
    """Load one model.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx` or `.safetensors` file.
        scale: the scale it must have; `None` takes a file's own, and the largest that is shipped.
        threads: how many threads it uses; `None` for one a core.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged, unreadable or of another scale.
        ConfigError: fewer threads than one.
        MissingExtraError: a `.safetensors` file, and PyTorch is not installed.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"threads = {threads}: should be at least 1, or left out for one a core")
    if str(model) == "bicubic":
        from upres.predictors.bicubic import BicubicPredictor

        return BicubicPredictor(_BICUBIC_SCALE if scale is None else scale)
    if not _is_path(model):
        return _open_onnx(models.find(str(model), scale).path, threads)
    predictor = _open_file(Path(model), threads)
    if scale not in (None, predictor.facts.scale):
        raise ModelError(f"{model}: enlarges ×{predictor.facts.scale}, and ×{scale} was asked for")
    return predictor


def open_chain(
    model: str | Path = models.DEFAULT, scale: float | None = None, *, threads: int | None = None
) -> list[Predictor]:
    """Load what reaches a scale, one after the other: the fewest steps, then the smallest product.

    Args:
        model: as in `open_predictor`.
        scale: any number above 1, up to 32; `None` is one step of the model's own scale.
        threads: as in `open_predictor`.

    Returns:
        One predictor or more, in the order in which they are applied; a step that repeats is loaded once.

    Raises:
        ConfigError: the scale or the number of threads is out of range.
        ModelError, MissingExtraError: as `open_predictor`.
    """
    if scale is None:
        return [open_predictor(model, threads=threads)]
    if not 1 < scale <= _LARGEST_SCALE:
        raise ConfigError(f"scale = {scale:g}: should be more than 1 and at most {_LARGEST_SCALE}")
    if str(model) == "bicubic":
        return [open_predictor(model, math.ceil(scale))]
    if _is_path(model):
        predictor = open_predictor(model, threads=threads)
        return [predictor] * len(shortest_chain([predictor.facts.scale], scale))
    steps = shortest_chain(models.scales(str(model)), scale)
    opened = {step: open_predictor(model, step, threads=threads) for step in set(steps)}
    return [opened[step] for step in steps]


def shortest_chain(scales: Sequence[int], wanted: float) -> list[int]:
    """Return the fewest of `scales` (each above 1) whose product reaches `wanted`; if several, the smallest.

    The largest step comes first: it is the one that meets the picture as it was taken.

    >>> shortest_chain([2, 4], 8)
    [4, 2]
    """
    count = 1
    while max(scales) ** count < wanted:
        count += 1
    reaching = (
        chain
        for chain in combinations_with_replacement(sorted(scales, reverse=True), count)
        if math.prod(chain) >= wanted
    )
    return list(min(reaching, key=math.prod))


def _open_onnx(path: Path, threads: int | None) -> Predictor:
    from upres.predictors.onnx import OnnxPredictor

    return OnnxPredictor(path, threads=threads)


def _open_torch(path: Path, threads: int | None) -> Predictor:
    from upres.predictors.torch import TorchPredictor

    return TorchPredictor(path, threads=threads)


_OPENERS: dict[str, Callable[[Path, int | None], Predictor]] = {
    ".onnx": _open_onnx,
    ".safetensors": _open_torch,
}
_PICKLES = (".pth", ".pt", ".ckpt", ".pkl", ".bin")


def _is_path(model: str | Path) -> bool:
    path = Path(model)
    return isinstance(model, Path) or len(path.parts) > 1 or path.suffix.lower() in (*_OPENERS, *_PICKLES)


def _open_file(path: Path, threads: int | None) -> Predictor:
    suffix = path.suffix.lower()
    if suffix in _OPENERS:
        return _OPENERS[suffix](path, threads)
    readable = " and ".join(_OPENERS)
    if suffix in _PICKLES:
        raise ModelError(
            f"{path}: {suffix} files are pickles, which can run code when they are opened; upres reads {readable}"
        )
    raise ModelError(f"{path}: not a model that upres reads; give a {readable.replace(' and ', ' or ')} file")
