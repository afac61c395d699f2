"""ONNX files through ONNX Runtime, the default: one dependency, no training stack, fast on a CPU."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError, DeviceMemoryError, FailedError, ModelError, first_line
from upres.models import files
from upres.models.facts import METADATA_KEY, from_json
from upres.predictors.base import Predictor
from upres.predictors.runtime import Execution, Part, Runtime

if TYPE_CHECKING:
    from onnxruntime import SessionOptions

# What fails is an exception here, and a line of upres's; the runtime's own would come beside it.
_FATAL_ONLY = 4
# Of devices, what the runtime calls its part for them, and what that is told. Without a word CUDA rounds the factors of
# a float32 convolution to ten bits (TF32), and CoreML to sixteen where it takes the neural engine.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}),
    "dml": ("DmlExecutionProvider", {}),
    "coreml": ("CoreMLExecutionProvider", {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"}),
}
_CPU = "CPUExecutionProvider"


class OnnxPredictor(Predictor):
    """A model in an ONNX file that carries its facts.

    Args:
        model: the path of the file, or its content.
        threads: how many threads one prediction uses; `None` for one a core.
        device: `cpu`, or one that this build of the runtime has a part for: `cuda`, `dml`, `coreml`.

    Raises:
        ModelError: the file is missing, damaged, carries no facts, or its graph does not fit them.
        ConfigError: the runtime took the processor instead of the device.
    """

    def __init__(self, model: str | Path | bytes, *, threads: int | None = None, device: str = "cpu") -> None:
        onnxruntime = _onnxruntime()
        self._where = "the model given as bytes" if isinstance(model, bytes) else str(model)
        if not isinstance(model, bytes) and not Path(model).is_file():
            raise ModelError(f"{model}: no such file; give a .onnx or .safetensors model, or a name from upres models")
        try:
            self._session = session_of(
                model if isinstance(model, bytes) else str(model), threads, _provider(onnxruntime, device)
            )
        except Exception as error:  # the runtime's exceptions share no base class of their own
            raise ModelError(
                f"{self._where}: not a readable ONNX model ({first_line(error)}); copy or export it again"
            ) from error
        self._device = device
        if device != "cpu" and self._session.get_providers()[0] == _CPU:
            raise ConfigError(
                f"device {device}: ONNX Runtime's {_PROVIDERS[device][0]} did not start, its driver or a library that "
                "it needs is missing; use device cpu, or auto",
                settings=("device",),
            )
        table = self._session.get_modelmeta().custom_metadata_map
        self.facts = from_json(table.get(METADATA_KEY), where=self._where)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape if inputs else []
        if len(inputs) != 1 or len(outputs) != 1 or len(shape) != 4 or shape[1] != self.facts.channels:
            raise ModelError(
                f"{self._where}: its graph takes {[item.shape for item in inputs]} and gives "
                f"{[item.shape for item in outputs]}; its facts say one n×{self.facts.channels}×h×w picture "
                "in and one out; export it again"
            )
        self._input = inputs[0].name
        self.how = f"onnx {device} {self.facts.precision}"

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        try:
            sr: NDArray[np.float32] = self._session.run(None, {self._input: lr})[0]
        except Exception as error:
            said = first_line(error)
            if self._device != "cpu" and ("memory" in said.lower() or "allocate" in said.lower()):
                raise DeviceMemoryError(
                    f"{self._where}: the memory of {self._device} does not hold an input of {lr.shape}; "
                    "use smaller tiles, or device cpu"
                ) from error
            raise FailedError(f"{self._where}: failed on an input of {lr.shape} ({said})") from error
        return sr


def session_of(
    model: str | bytes,
    threads: int | None = None,
    providers: Sequence[tuple[str, dict[str, str]]] = (),
    *,
    as_it_stands: bool = False,
) -> Any:
    """Return ONNX Runtime's session of a graph, with or without facts, by its path or content.

    Args:
        model: the path of the file, or its content.
        threads: as in `OnnxPredictor`.
        providers: parts of the runtime that are asked before the processor's.
        as_it_stands: nodes are neither joined nor left out.

    Raises:
        Exception: the runtime's own, which share no base class.
    """
    onnxruntime = _onnxruntime()
    options = _options(threads)
    if as_it_stands:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=[*providers, _CPU],
        enable_fallback=0,  # it would print, and try the same again
    )


def _provider(onnxruntime: Any, device: str) -> list[tuple[str, dict[str, str]]]:
    if device == "cpu":
        return []
    if device == "cuda":
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()  # CUDA's libraries where pip put them; since 1.21
    return [_PROVIDERS[device]]


def _has_file(*names: str) -> bool:
    """Return whether the runtime's package holds one of these files."""
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        return False
    return any((Path(found.origin).parent / "capi" / name).is_file() for name in names)


def _has_cuda() -> bool:
    return _has_file("libonnxruntime_providers_cuda.so", "onnxruntime_providers_cuda.dll")


def _has_directml() -> bool:
    return _has_file("DirectML.dll")


def _has_coreml() -> bool:
    return sys.platform == "darwin"


def share_arena() -> None:
    """Let the models that this process opens from now on hold what their predictions need in one place.

    Otherwise each keeps as much as its largest prediction took: eight hold 590 MB, and in one place 153.
    """
    onnxruntime = _onnxruntime()
    kind, memory = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    onnxruntime.create_and_register_allocator(onnxruntime.OrtMemoryInfo("Cpu", kind, 0, memory), None)


def _onnxruntime() -> Any:
    """Return the module, told first to keep to itself: its builds send events to their maker unless asked not to.

    Without that it writes an identifier and a database below `~/.cache/Microsoft` and a file into the temporary folder
    when it is imported (1.31, its Privacy.md). Who sets the variable, to whatever, is left alone.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def _options(threads: int | None) -> SessionOptions:
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads or 0
    # The runtime keeps one memory plan a shape for as long as the session lives; a folder has many shapes.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")  # there is one after `share_arena`
    # Waiting threads sleep. Spinning gains nothing on layers of 20 ms, and takes the cores from decoding and
    # encoding: with both cores at work, it cost a quarter of the speed.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open(path: Path, execution: Execution, threads: int | None) -> Predictor:
    return OnnxPredictor(path, threads=threads, device=execution.device)


ONNX_RUNTIME = Runtime(
    title="ONNX Runtime",
    module="onnxruntime",
    install='pip install "upres"',
    suffixes=(files.ONNX,),
    precisions={"cpu": ("fp32", "int8"), "cuda": ("fp32",), "dml": ("fp32",), "coreml": ("fp32",)},
    open=_open,
    parts={
        "cuda": Part(
            title="ONNX Runtime's part for CUDA",
            there=_has_cuda,
            install='pip uninstall onnxruntime, then pip install "onnxruntime-gpu[cuda,cudnn]"',
            package="onnxruntime-gpu",
        ),
        "dml": Part(
            title="ONNX Runtime's part for DirectML (Windows)",
            there=_has_directml,
            install="pip uninstall onnxruntime, then pip install onnxruntime-directml",
            package="onnxruntime-directml",
        ),
        "coreml": Part(
            title="CoreML (a Mac)",
            there=_has_coreml,
            install="use device cpu, or auto",
        ),
    },
)
