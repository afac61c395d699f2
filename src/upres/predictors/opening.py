"""From a model's name or file to a predictor. Opening measures nothing, downloads nothing and writes nothing.

A caller that wants the fastest execution of this machine asks `upres.predictors.probing`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from upres.config.limits import MAX_MODEL_BYTES
from upres.errors import ConfigError, ModelError, RenamedWarning
from upres.models.corners import ALONE, ORIGIN, Corners, Position, corners_of, mixed_facts, mixed_weights
from upres.models.files import ModelFile, model_file
from upres.models.frameworks import check_framework, is_of_framework
from upres.models.onnx_facts import read_facts, write_facts
from upres.models.onnx_weights import with_weights
from upres.models.shipped import BICUBIC, DEFAULT, RENAMED, check_whole, find, named
from upres.predictors.base import Predictor
from upres.predictors.executions import exact_execution, executions_for, is_model_suffix, missing
from upres.predictors.reopening import ReopeningPredictor
from upres.predictors.runtime import Execution
from upres.predictors.table import RUNTIMES

_BICUBIC_SCALE = 4  # when nobody says


@dataclass(frozen=True, slots=True)
class Decision:
    """The execution that a model gets, and why, in words."""

    execution: Execution
    reason: str = ""


def open_predictor(
    model: str | Path = DEFAULT,
    scale: int | None = None,
    *,
    threads: int | None = None,
    device: str | None = None,
    backend: str | None = None,
    precision: str = "fp32",
    position: Position = ORIGIN,
) -> Predictor:
    """Open one model exactly as told, and without side effects.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx`, `.safetensors` or `.pth` file.
        scale: the scale it must have; `None` takes a file's own, and the largest that is shipped.
        threads: how many threads it uses; `None` for one a core.
        device: `cpu`, `cuda`, `mps`, `dml`, `coreml`, `npu`; by default the first that the runtime has.
        backend: a name of `RUNTIMES`; by default the first that is installed and opens the file.
        precision: `fp32`, which is exact; `bf16`, `fp16` or `int8`. An int8 model is int8 whatever is said here.
            Bicubic is computed by NumPy, and takes no notice of these three.
        position: the place between the model's corners (`upres.models.corners`), in steps of 1/8. What is above 0
            takes a model that has them.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged, unreadable or of another scale.
        ConfigError: fewer threads than one, or a combination of device, backend and precision there is not.
        MissingExtraError: the backend that was asked for, or PyTorch for a `.safetensors` file, is not installed.
    """

    def first(file: ModelFile) -> Decision:
        found = executions_for(file, device=device, backend=backend, precision=precision_of(file, precision))
        return Decision(found[0])

    return open_decided(model, scale, threads=threads, decide=first, position=position)


def open_decided(
    model: str | Path,
    scale: int | None,
    *,
    threads: int | None,
    decide: Callable[[ModelFile], Decision],
    position: Position = ORIGIN,
) -> Predictor:
    """Open one model as `decide` says once its file is known; otherwise as `open_predictor`."""
    model, position = current_name(model, position)
    if threads is not None and threads < 1:
        raise ConfigError(f"threads = {threads}: should be at least 1, or left out for one a core")
    if is_bicubic(model):
        _check_corners(ALONE, position, model)
        from upres.predictors.bicubic import BicubicPredictor

        return BicubicPredictor(_BICUBIC_SCALE if scale is None else scale)
    path = Path(model) if is_path(model) else find(str(model), scale).path
    _check_file(path)
    file = replace(model_file(path), position=position.rounded)
    _check_corners(file.corners, file.position, model)
    predictor = _guarded(file, decide(file), threads)
    if scale not in (None, predictor.facts.scale):
        raise ModelError(f"{model}: enlarges ×{predictor.facts.scale}, and ×{scale} was asked for")
    return predictor


def open_execution(file: ModelFile, execution: Execution, threads: int | None = None) -> Predictor:
    """Open a model in one execution, untried and unguarded, for measuring.

    What is returned may be pickled, and used in a process that was forked: it opens the model there. (OpenVINO cannot,
    and says so: its threads stay where it was first used.)

    Raises:
        ModelError, MissingExtraError, ConfigError: as `open_predictor`.
    """
    return ReopeningPredictor(partial(_open, file, execution, threads))


def _open(file: ModelFile, execution: Execution, threads: int | None) -> Predictor:
    path = file.file_for(execution.precision)
    for whole in (path,) if file.position == ORIGIN else (path, *file.corners.shares(file.position)):
        check_whole(whole)
    with _mixture(file, path) as path:
        try:
            return RUNTIMES[execution.backend].open(path, execution, threads)
        except ImportError as error:
            raise missing(path, execution.backend, error.name) from error


@contextmanager
def _mixture(file: ModelFile, path: Path) -> Iterator[Path]:
    """Yield the file to open: `path` itself, or for as long as it is opened the mixture of the model's corners."""
    if file.position == ORIGIN:
        yield path
        return
    content = with_weights(path, mixed_weights(file.corners, file.position))
    with tempfile.TemporaryDirectory(prefix="upres-") as folder:
        mixture = Path(folder) / path.name
        mixture.write_bytes(content)
        write_facts(mixture, mixed_facts(read_facts(path), file.position, file.corners))
        yield mixture


def _check_corners(corners: Corners, position: Position, model: str | Path) -> None:
    default = corners_for(DEFAULT)
    for axis, place, found, elsewhere, what in (
        ("denoise", position.denoise, corners.compressed, default.compressed, "for compressed pictures"),
        ("detail", position.detail, corners.detailed, default.detailed, "with more detail"),
    ):
        if place and not found:
            raise ConfigError(
                f"{axis} = {place:g}: {model} has no weights {what} to mix with its own; "
                f"{f'take {DEFAULT}, or ' if elsewhere else ''}leave it out",
                settings=(axis,),
            )


def precision_of(file: ModelFile, precision: str) -> str | None:
    """Return the precision that a wish comes to: float32, the default, asks nothing of an int8 model."""
    return None if (file.precision, precision) == ("int8", "fp32") else precision


def current_name(model: str | Path, position: Position = ORIGIN) -> tuple[str | Path, Position]:
    """Return a model and a place between its corners; for a name of before, with a warning, what it is now."""
    if not (isinstance(model, str) and model in RENAMED):
        return model, position
    name, denoise = RENAMED[model]
    warnings.warn(f"model {model} is {name} with denoise {denoise:g} now; say so", RenamedWarning, stacklevel=2)
    return name, replace(position, denoise=denoise)


def corners_for(model: str | Path, scale: int | None = None) -> Corners:
    """Return the corners that a model has; of a shipped one, those at a scale, or the most that it has at any.

    Raises:
        ModelError: no shipped model has that name.
    """
    if is_bicubic(model):
        return ALONE
    if is_path(model):
        return corners_of(Path(model))
    found = [corners_of(one.path) for one in named(str(model)) if scale in (None, one.scale)]
    return max(found, key=lambda one: len(one.files), default=ALONE)


def is_bicubic(model: str | Path) -> bool:
    """Return whether a model is the one that needs no file."""
    return str(model) == BICUBIC


def is_path(model: str | Path) -> bool:
    """Return whether a model is given by its file rather than by name."""
    path = Path(model)
    if isinstance(model, Path) or len(path.parts) > 1:
        return True
    return bool(path.suffix) and (is_model_suffix(path.suffix) or is_of_framework(path))


def _guarded(file: ModelFile, decision: Decision, threads: int | None) -> Predictor:
    """Open a model with what catches the failures of its execution around it."""
    execution = decision.execution
    exact = exact_execution(file, execution.device)
    predictor = open_execution(file, execution, threads)
    if decision.reason:
        predictor.how = f"{predictor.how}: {decision.reason}"
    if execution.device != "cpu":
        from upres.predictors.halving import HalvingPredictor

        predictor = HalvingPredictor(predictor)
    if execution.precision != "fp32" and exact.precision == "fp32":
        from upres.predictors.guarded import GuardedPredictor

        predictor = GuardedPredictor(predictor, partial(open_execution, file, exact, threads))
    return predictor


def _check_file(path: Path) -> None:
    check_framework(path)
    if not is_model_suffix(path.suffix):
        raise ModelError(f"{path}: not a model that upres reads; give a .onnx, .safetensors or .pth file")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give a .onnx, .safetensors or .pth model, or a name from upres models")
    length = path.stat().st_size
    if length > MAX_MODEL_BYTES:
        raise ModelError(
            f"{length:,} bytes, more than the {MAX_MODEL_BYTES:,} of a model; give the weights alone",
            where=path,
        )
