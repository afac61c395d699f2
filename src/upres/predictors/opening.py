"""Predictors: NCHW float32 in, NCHW float32 out. A leaf and its runtime load when a model needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from upres.errors import ConfigError, ModelError
from upres.models.onnx_facts import read_facts
from upres.models.shipped import DEFAULT, find, int8_version
from upres.predictors.backends import AUTO, Way, exact_way, ways
from upres.predictors.base import Predictor
from upres.predictors.probe import Choice, choose

_BICUBIC_SCALE = 4  # when nobody says


def open_predictor(
    model: str | Path = DEFAULT,
    scale: int | None = None,
    *,
    threads: int | None = None,
    device: str = AUTO,
    backend: str = AUTO,
    precision: str = "fp32",
) -> Predictor:
    """Load one model.

    Args:
        model: `bicubic`, the name of a shipped model, or the path of a `.onnx`, `.safetensors` or `.pth` file.
        scale: the scale it must have; `None` takes a file's own, and the largest that is shipped.
        threads: how many threads it uses; `None` for one a core.
        device: `cpu`, `cuda`, `mps`, or `auto`: where it is fastest.
        backend: `onnx`, `openvino`, `torch`, or `auto`: the fastest that is installed and gives the same pixels.
        precision: `fp32`, which is exact; `bf16`, `fp16`, `int8`; or `auto`: the fastest that costs at most
            0.05 dB. An int8 model is int8 whatever is said here. (`upres.predictors.probe` has the reasons.)
            Bicubic is computed by NumPy, and takes no notice of these three.

    Raises:
        ModelError: unknown (the nearest names are listed), damaged, unreadable or of another scale.
        ConfigError: fewer threads than one, or a combination of device, backend and precision there is not.
        MissingExtraError: the backend that was asked for, or PyTorch for a `.safetensors` file, is not installed.
        ParityError: the precision that was asked for is broken on this machine.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"threads = {threads}: should be at least 1, or left out for one a core")
    if str(model) == "bicubic":
        from upres.predictors.bicubic import BicubicPredictor

        return BicubicPredictor(_BICUBIC_SCALE if scale is None else scale)
    path = Path(model) if _is_path(model) else find(str(model), scale).path
    predictor = _open_file(path, threads, device=device, backend=backend, precision=precision)
    if scale not in (None, predictor.facts.scale):
        raise ModelError(f"{model}: enlarges ×{predictor.facts.scale}, and ×{scale} was asked for")
    return predictor


def open_way(path: Path, way: Way, threads: int | None = None) -> Predictor:
    """Open a float32 model in one way, untried and unguarded, for measuring; int8 takes the int8 version beside it.

    Raises:
        ModelError, MissingExtraError, ConfigError: as `open_predictor`.
    """
    takes_other = way.precision == "int8" and read_facts(path).precision != "int8"
    return _OPENERS[way.backend](int8_version(path) if takes_other else path, way, threads)


# Ours, and the weights of others (`upres.foreign`).
_SUFFIXES = (".onnx", ".safetensors", ".pth", ".pt", ".ckpt", ".pkl", ".bin")


def _is_path(model: str | Path) -> bool:
    path = Path(model)
    return isinstance(model, Path) or len(path.parts) > 1 or path.suffix.lower() in _SUFFIXES


def _open_file(path: Path, threads: int | None, *, device: str, backend: str, precision: str) -> Predictor:
    _check_file(path)
    stored = read_facts(path).precision if path.suffix.lower() == ".onnx" else "fp32"
    int8 = path if stored == "int8" else int8_version(path)
    found = ways(
        path,
        stored=stored,
        has_int8=stored != "int8" and int8.is_file(),
        device=device,
        backend=backend,
        precision=AUTO if (stored, precision) == ("int8", "fp32") else precision,
    )

    def opened(way: Way) -> Predictor:
        return open_way(path, way, threads)

    exact = found[0] if stored == "int8" else exact_way(path, found[0].device)
    files = [file for file in dict.fromkeys((path, int8)) if file.is_file()]
    traded = precision not in (AUTO, "fp32")
    choice = choose(found, exact, opened, files=files, threads=threads, traded=traded)
    return _guarded(choice, exact, opened)


def _guarded(choice: Choice, exact: Way, opened: Callable[[Way], Predictor]) -> Predictor:
    """Open the way that was chosen, with what catches its failures around it."""
    predictor = opened(choice.way)
    if choice.reason:
        predictor.how = f"{predictor.how}: {choice.reason}"
    if choice.way.device != "cpu":
        from upres.predictors.halving import HalvingPredictor

        predictor = HalvingPredictor(predictor)
    if choice.way.precision != "fp32" and exact.precision == "fp32":
        from upres.predictors.guarded import GuardedPredictor

        predictor = GuardedPredictor(predictor, lambda: opened(exact))
    return predictor


def _open_onnx(path: Path, way: Way, threads: int | None) -> Predictor:
    from upres.predictors.onnx import OnnxPredictor

    return OnnxPredictor(path, threads=threads)


def _open_openvino(path: Path, way: Way, threads: int | None) -> Predictor:
    from upres.predictors.openvino import OpenvinoPredictor

    return OpenvinoPredictor(path, read_facts(path), precision=way.precision, threads=threads)


def _open_torch(path: Path, way: Way, threads: int | None) -> Predictor:
    from upres.predictors.torch import TorchPredictor

    return TorchPredictor(path, device=way.device, precision=way.precision, threads=threads)


_OPENERS: dict[str, Callable[[Path, Way, int | None], Predictor]] = {
    "onnx": _open_onnx,
    "openvino": _open_openvino,
    "torch": _open_torch,
}


def _check_file(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ModelError(f"{path}: not a model that upres reads; give a .onnx, .safetensors or .pth file")
    if not path.is_file() and suffix != ".safetensors":  # that one's reader says so itself
        raise ModelError(f"{path}: no such file; give a .onnx, .safetensors or .pth model, or a name from upres models")
