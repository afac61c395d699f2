"""ONNX files through OpenVINO: on Intel's processors often the fastest, and with bf16 far the fastest.

One compiled model takes every shape. Compiling one a shape was measured (48 channels, 13 convolutions, two
cores): it takes 30 to 65 ms and saves nothing to a tenth of a 250 ms tile, so a folder of small pictures
would pay more than it gains.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError, FailedError, ModelError, first_line
from upres.models import files
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts
from upres.predictors.base import Predictor
from upres.predictors.runtime import Execution, Part, Runtime

# An int8 model says itself which of its layers are int8; the others run in bf16 where the processor multiplies in it.
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


# Where OpenVINO converts models of other frameworks.
_CONVERTER = "openvino.tools.ovc"
# What OpenVINO makes of DequantizeLinear.
_DEQUANTISING = ("Convert", "Subtract", "Multiply")


class OpenvinoPredictor(Predictor):
    """A model in an ONNX file, run by OpenVINO on the CPU or on an NPU of Intel's.

    Args:
        path: the `.onnx` file.
        facts: what it says about itself.
        precision: `fp32`, `bf16` or `int8` (for int8 models) on the CPU, `fp16` on an NPU. Left to itself OpenVINO
            takes bf16 where the processor has it; float32 is asked for by name.
        threads: how many threads one prediction uses; `None` for one a core.
        device: `cpu` or `npu`.

    Raises:
        ImportError: OpenVINO is not installed.
        FailedError: a model was opened by OpenVINO before this process was forked.
        ConfigError: there is no such device.
        ConfigError: bf16, and the processor has none: OpenVINO would take float32 without a word.
        ModelError: the file is missing or damaged.
    """

    def __init__(
        self, path: Path, facts: Facts, *, precision: str = "fp32", threads: int | None = None, device: str = "cpu"
    ) -> None:
        openvino = _openvino()
        _check_process()
        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not has_bf16:
            raise ConfigError("precision bf16: this processor does not multiply in bf16; use fp32 or auto")
        if device != "cpu" and device.upper() not in core.available_devices:
            raise ConfigError(
                f"device {device}: OpenVINO sees none on this machine; use device cpu, or auto", settings=("device",)
            )
        self.facts = facts
        self.how = f"openvino {device} {precision}"
        self._path = path
        self._turn = threading.Lock()
        hints: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS.get(precision, "bf16" if has_bf16 else "f32"),
            "PERFORMANCE_HINT": "LATENCY",
            **({"NUM_STREAMS": 1} if device == "cpu" else {}),
            **(_few_threads(threads) if device == "cpu" and threads is not None else {}),
        }
        try:
            graph = _graph(path)
            if precision == "int8":
                _leave_sums_exact(graph)
            if len(graph.inputs) != 1 or len(graph.outputs) != 1:
                raise ValueError(f"its graph has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
            self._request = core.compile_model(graph, device.upper(), hints).create_infer_request()
        except Exception as error:  # the runtime raises bare RuntimeError
            raise ModelError(
                f"{path}: not a model that OpenVINO reads ({first_line(error)}); use backend onnx"
            ) from error

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`; several threads take turns."""
        try:
            # A request holds one prediction: its input, its activations and, until they are copied, its outputs.
            # A request for each of eight threads was no faster, and held eight times the memory.
            with self._turn:
                sr: NDArray[np.float32] = self._request.infer({0: lr}, share_outputs=False)[0]
        except Exception as error:
            raise FailedError(f"{self._path}: failed on an input of {lr.shape} ({first_line(error)})") from error
        return sr


def _openvino() -> Any:
    """Return the module without its converter of other formats, which takes longer to import than all the rest.

    (It brings an HTTP client to report its use with.) Whoever asks the module for `convert_model` still gets it.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # importing it fails, which the module expects
    try:
        openvino: Any = importlib.import_module("openvino")
    finally:
        del sys.modules[_CONVERTER]

    def later(name: str) -> Any:
        if name != "convert_model":
            raise AttributeError(f"module 'openvino' has no attribute {name!r}")
        return importlib.import_module(_CONVERTER).convert_model

    if not hasattr(openvino, "convert_model"):
        openvino.__dict__["__getattr__"] = later
    return openvino


@functools.cache
def _first_process() -> int:
    return os.getpid()


def _check_process() -> None:
    """Refuse a process that was forked from one in which OpenVINO ran.

    Its threads are missing there. What one of them held at the moment of the fork, the task scheduler's locks among
    it, stays held: one process in fifty waited for ever in its first prediction.
    """
    if _first_process() != os.getpid():
        raise FailedError(
            "OpenVINO cannot be used here: this process was forked from one that had opened a model with it, and "
            "OpenVINO's threads stayed there; start workers by spawn or forkserver, as "
            'multiprocessing.get_context("spawn") does, fork before the first model, or use backend onnx'
        )


def _few_threads(threads: int) -> dict[str, Any]:
    """Return what keeps threads from being tied to cores: all models would have theirs on the first ones.

    Two predictors of one thread each took turns on one core of two, at half the speed.
    """
    return {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}


def _graph(path: Path) -> Any:
    """Read a file as ONNX and as nothing else: left to itself OpenVINO tries TensorFlow's and other readers on it."""
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework("onnx")
    return reader.convert(reader.load(str(path)))


def _leave_sums_exact(graph: Any) -> None:
    """Take away the rounding behind convolutions that nothing but a sum follows.

    ONNX Runtime needs it there, or it computes the convolution in float32. OpenVINO's int8 convolutions give float32 as
    well, and residual sums of what was not rounded are nearer to float32: 0.005 to 0.01 dB on Set5, and faster.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "FakeQuantize":
            continue
        source, last = node.input_value(0), node
        behind = source.get_node()
        biased = behind.get_type_name() == "Add" and any(
            part.get_source_output().get_node().get_type_name() == "Convolution" for part in behind.inputs()
        )
        if not biased and behind.get_type_name() != "Convolution":
            continue
        while len(users := last.output(0).get_target_inputs()) == 1:
            following = next(iter(users)).get_node()
            if following.get_type_name() not in _DEQUANTISING:
                break
            last = following
        if all(user.get_node().get_type_name() == "Add" for user in last.output(0).get_target_inputs()):
            last.output(0).replace(source)


def _open(path: Path, execution: Execution, threads: int | None) -> Predictor:
    return OpenvinoPredictor(
        path, read_facts(path), precision=execution.precision, threads=threads, device=execution.device
    )


def _has_npu() -> bool:
    """Return whether Linux shows one; on Windows only the driver knows, and is asked when the model is opened."""
    return Path("/dev/accel").is_dir() or sys.platform == "win32"


OPENVINO = Runtime(
    title="OpenVINO",
    module="openvino",
    install='pip install "upres[openvino]"',
    suffixes=(files.ONNX,),
    precisions={"cpu": ("fp32", "bf16", "int8"), "npu": ("fp16",)},
    open=_open,
    parts={
        "npu": Part(
            title="an NPU of Intel's, with its driver",
            there=_has_npu,
            install="use device cpu, or auto",
        )
    },
)
