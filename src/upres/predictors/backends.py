"""Which runtimes run which models, on what, in which numbers: one table, and what to say when it has no row."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from upres.errors import ConfigError, MissingExtraError, nearest


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a model.

    Attributes:
        backend: the runtime.
        device: where it runs.
        precision: in which numbers it multiplies.
    """

    backend: str
    device: str
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.device} {self.precision}"


# In the order in which they are preferred when they are equally fast: the first is what every install has.
WAYS = (
    Way("onnx", "cpu", "fp32"),
    Way("onnx", "cpu", "int8"),
    Way("openvino", "cpu", "fp32"),
    Way("openvino", "cpu", "bf16"),
    Way("openvino", "cpu", "int8"),
    Way("torch", "cpu", "fp32"),
    Way("torch", "cpu", "bf16"),
    Way("torch", "cuda", "fp32"),
    Way("torch", "cuda", "bf16"),
    Way("torch", "cuda", "fp16"),
    Way("torch", "mps", "fp32"),
    Way("torch", "mps", "fp16"),
)
AUTO = "auto"
BACKENDS = tuple(dict.fromkeys(way.backend for way in WAYS))
DEVICES = tuple(dict.fromkeys(way.device for way in WAYS))
PRECISIONS = ("fp32", "bf16", "fp16", "int8")

# backend → the module it imports, and what to install where that is missing
_NEEDS = {
    "onnx": ("onnxruntime", 'pip install "upres"'),
    "openvino": ("openvino", 'pip install "upres[openvino]"'),
    "torch": ("torch", 'pip install "upres[train]"'),
}


def installed(backend: str) -> bool:
    """Return whether a backend's library is there; it is looked for, not imported."""
    module = _NEEDS[backend][0]
    if module in sys.modules:
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def ways(path: Path, *, stored: str, has_int8: bool, device: str, backend: str, precision: str) -> list[Way]:
    """Return the ways in which this machine can run a model, the preferred first; there is at least one.

    PyTorch on the CPU runs an .onnx model only where it is asked for by name: importing it takes longer than
    most pictures, and it was never the fastest (a third of ONNX Runtime's speed on two cores).

    Args:
        path: the model's file; all but `.onnx` files run on PyTorch alone.
        stored: the precision of its facts; an int8 model runs in int8 alone.
        has_int8: whether a float32 model has an int8 version beside it.
        device, backend: a name of the table, or `auto`.
        precision: a name of the table, or `auto`: any of them.

    Raises:
        ConfigError: an unknown name, or a combination that the table or the file does not have.
        MissingExtraError: the combination exists, and its library is not installed.
    """
    for name, value, known in (("device", device, DEVICES), ("backend", backend, BACKENDS)):
        _check(name, value, known)
    _check("precision", precision, PRECISIONS)
    asked = f"device {device}, backend {backend}, precision {precision}"
    possible = [
        way
        for way in WAYS
        if device in (AUTO, way.device) and backend in (AUTO, way.backend) and precision in (AUTO, way.precision)
    ]
    if not possible:
        raise ConfigError(f"{asked}: no such combination; there are {_listed(WAYS)}")
    able = [way for way in WAYS if _runs(way, path, stored, has_int8)]
    runs = [way for way in possible if way in able]
    if not runs:
        raise ConfigError(f"{path}: {asked}: this model runs on {_listed(able)}; {_advice(path, stored)}")
    there = [way for way in runs if installed(way.backend)]
    if not there and _is_onnx(path):  # PyTorch's leaf says what to do without PyTorch
        module, command = _NEEDS[runs[0].backend]
        raise MissingExtraError(f"backend {runs[0].backend}: {module} is not installed; {command}")
    return [way for way in there if _at_hand(way, path, device, backend)] or there or runs


def exact_way(path: Path, device: str) -> Way:
    """Return the float32 way that says what right pixels are: ONNX Runtime, for checkpoints PyTorch."""
    return WAYS[0] if _is_onnx(path) else Way("torch", device, "fp32")


def gpu() -> str | None:
    """Return the kind of GPU this machine seems to have, without importing PyTorch to ask it."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    if shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists():
        return "cuda"
    return None


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in (AUTO, *known):
        raise ConfigError(f"{name} = {value!r}: {nearest(value, (AUTO, *known))}")


def _runs(way: Way, path: Path, stored: str, has_int8: bool) -> bool:
    if not _is_onnx(path):
        return way.backend == "torch"
    if stored == "int8":
        return way.precision == "int8"
    return way.precision != "int8" or has_int8


def _at_hand(way: Way, path: Path, device: str, backend: str) -> bool:
    """Whether `auto` should consider a way at all."""
    if way.device not in (device, "cpu", gpu()):
        return False
    wanted = backend == "torch" or not _is_onnx(path)
    return (way.backend, way.device) != ("torch", "cpu") or wanted


def _advice(path: Path, stored: str) -> str:
    if not _is_onnx(path):
        return "upres convert makes an .onnx model for the others"
    if stored == "int8":
        return "give the float32 model for the others"
    return "upres quantise makes its int8 version"


def _is_onnx(path: Path) -> bool:
    return path.suffix.lower() == ".onnx"


def _listed(table: list[Way] | tuple[Way, ...]) -> str:
    """Say a table in one line: onnx cpu fp32 int8, openvino cpu fp32 bf16 int8, …"""
    rows = groupby(table, lambda way: (way.backend, way.device))
    return ", ".join(" ".join([*place, *(way.precision for way in found)]) for place, found in rows)
