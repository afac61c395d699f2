"""Which runtimes run a model on this machine, on what, in which numbers; and what to say when none does."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from upres.errors import ConfigError, MissingExtraError, nearest
from upres.models.files import ModelFile, is_onnx
from upres.predictors.runtime import Execution, Runtime
from upres.predictors.table import RUNTIMES

_GPUS = ("cuda", "mps")

GPU = "gpu"
"""A device by what people call it: the kind of GPU that the machine has."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run models on.

    Attributes:
        backends: the runtimes that are installed.
        gpu: the kind of GPU, `cuda` or `mps`, or `None`.
        parts: backend and device, where a runtime's part for a device is there (`Runtime.parts`).
    """

    backends: frozenset[str]
    gpu: str | None
    parts: frozenset[tuple[str, str]] = frozenset()

    def runs(self, execution: Execution) -> bool:
        """Return whether what is installed can run it, on a machine that has the device."""
        place = execution.backend, execution.device
        return execution.backend in self.backends and (
            execution.device not in RUNTIMES[execution.backend].parts or place in self.parts
        )

    def has(self, device: str) -> bool:
        """Return whether there is such a device; whoever brings one that upres does not know is believed."""
        return device not in _GPUS or device == self.gpu


def this_machine() -> Machine:
    """Return what this machine seems to have; libraries are looked for, not imported, and no device is asked."""
    installed = {name: runtime for name, runtime in RUNTIMES.items() if _installed(runtime)}
    parts = ((name, device) for name, one in installed.items() for device, part in one.parts.items() if part.there())
    return Machine(frozenset(installed), _gpu(), frozenset(parts))


def executions() -> list[Execution]:
    """Return all that the table has, the preferred first."""
    return [
        Execution(backend, device, precision)
        for backend, runtime in RUNTIMES.items()
        for device, precisions in runtime.precisions.items()
        for precision in precisions
    ]


def executions_for(
    file: ModelFile,
    *,
    device: str | None = None,
    backend: str | None = None,
    precision: str | None = None,
    machine: Machine | None = None,
) -> list[Execution]:
    """Return how this machine can run a model, the preferred execution first; there is at least one.

    A runtime may wish to be asked for by name on some device (`Runtime.only_by_name`): elsewhere it is left out.

    Args:
        file: the model.
        device, backend, precision: what is wanted; `None` is any, and device `gpu` the GPU that there is.
        machine: where it is to run; `None` is this one.

    Raises:
        ConfigError: an unknown name, or a combination that the table or the file does not have.
        MissingExtraError: the combination exists, and its library is not installed.
    """
    machine = machine or this_machine()
    if device == GPU:
        device = _the_gpu(machine)
    check_names(device=device, backend=backend, precision=precision)
    wanted = {"device": device, "backend": backend, "precision": precision}
    asked = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
    possible = [
        execution
        for execution in executions()
        if device in (None, execution.device)
        and backend in (None, execution.backend)
        and precision in (None, execution.precision)
    ]
    if not possible:
        raise ConfigError(f"{asked}: no such combination; there are {_listed(executions())}")
    able = executions_of(file)
    runs = [execution for execution in possible if execution in able]
    if not runs:
        raise ConfigError(f"{file.path}: {asked}: this model runs on {_listed(able)}; {_advice(file, backend)}")
    there = [execution for execution in runs if machine.runs(execution)]
    if not there:
        raise _missing_part(runs, machine) or missing(file.path, runs[0].backend)
    considered = [
        execution
        for execution in there
        if (device is not None or machine.has(execution.device))
        and (backend is not None or not _waits_to_be_named(execution, file.path))
    ]
    return considered or there


def executions_of(file: ModelFile) -> list[Execution]:
    """Return all executions that a model has, on whatever machine."""
    suffix = file.path.suffix.lower()
    return [
        execution
        for execution in executions()
        if suffix in RUNTIMES[execution.backend].suffixes
        and file.stores(execution.precision)
        and not (file.foreign_graph and RUNTIMES[execution.backend].rebuilds)
    ]


def exact_execution(file: ModelFile, device: str) -> Execution:
    """Return the execution that says what right pixels are.

    It is float32 on the runtime that the file's kind prefers (an int8 model has no float32), on `device` where that
    runtime has it: ONNX Runtime on the CPU for ONNX files, PyTorch for weights.
    """
    of_first = [each for each in executions_of(file) if each.backend == _preferred(file.path)]
    exact = [
        each
        for each in of_first
        if each.precision == file.precision and each.device not in RUNTIMES[each.backend].parts
    ]
    return next((each for each in exact if each.device == device), exact[0])


def is_model_suffix(suffix: str) -> bool:
    """Return whether some runtime opens files of a suffix, upper case or lower."""
    return any(suffix.lower() in runtime.suffixes for runtime in RUNTIMES.values())


def missing(path: Path, backend: str, module: str | None = None) -> MissingExtraError:
    """Return the error that says what to install; `module` is what was missing, where that is not the runtime's own."""
    runtime = RUNTIMES[backend]
    module = module or runtime.module
    suffix = path.suffix.lower()
    if sum(suffix in other.suffixes for other in RUNTIMES.values()) == 1:
        return MissingExtraError(
            f"{path}: a {path.suffix} model runs on {runtime.title}, and {module} is missing; "
            f"{runtime.install}, or use the model's .onnx export"
        )
    return MissingExtraError(f"backend {backend}: {module} is not installed; {runtime.install}")


def _missing_part(wanted: Iterable[Execution], machine: Machine) -> MissingExtraError | None:
    """Return the error that says which part of an installed runtime a device needs, or what else would do."""
    places = dict.fromkeys((each.backend, each.device) for each in wanted)
    if not any(backend in machine.backends for backend, _ in places):
        return None
    parts = [RUNTIMES[backend].parts[device] for backend, device in places if device in RUNTIMES[backend].parts]
    if not parts:
        return None
    # Of a runtime that is installed nothing else can be missing: a GPU that is not there, it says itself.
    others = [RUNTIMES[backend].install for backend, device in places if device not in RUNTIMES[backend].parts]
    device = next(iter(places))[1]
    return MissingExtraError(
        f"device {device}: {parts[0].title} is not here; {', or '.join([*(each.install for each in parts), *others])}",
        settings=("device",),
    )


def check_names(
    *, device: str | None, backend: str | None, precision: str | None, besides: tuple[str, ...] = ()
) -> None:
    """Refuse names that the table does not have.

    Raises:
        ConfigError: lists those it has, and those that are allowed `besides`, the nearest first.
    """
    known = executions()
    for name, value, names in (
        ("device", device, {GPU, *(each.device for each in known)}),
        ("backend", backend, set(RUNTIMES)),
        ("precision", precision, {each.precision for each in known}),
    ):
        if value is not None and value not in names and value not in besides:
            raise ConfigError(f"{name} = {value!r}: {nearest(value, (*besides, *sorted(names)))}")


def _preferred(path: Path) -> str | None:
    """Return the first runtime that opens files of this kind, installed or not."""
    suffix = path.suffix.lower()
    return next((name for name, runtime in RUNTIMES.items() if suffix in runtime.suffixes), None)


def _waits_to_be_named(execution: Execution, path: Path) -> bool:
    only_by_name = execution.device in RUNTIMES[execution.backend].only_by_name
    return only_by_name and execution.backend != _preferred(path)


def _installed(runtime: Runtime) -> bool:
    if runtime.module in sys.modules:
        return sys.modules[runtime.module] is not None
    return importlib.util.find_spec(runtime.module) is not None


def _gpu() -> str | None:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    if shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists():
        return "cuda"
    return None


def _the_gpu(machine: Machine) -> str:
    if machine.gpu is not None:
        return machine.gpu
    if ("onnx", "dml") in machine.parts:  # whoever installed it has one: nothing tells without asking the device
        return "dml"
    raise ConfigError(
        "device gpu: this machine shows no GPU that upres uses (NVIDIA's with its driver, or Apple's own chip); "
        "leave it out, and the fastest way on the processor is taken"
    )


def _advice(file: ModelFile, backend: str | None) -> str:
    if not is_onnx(file.path):
        return "upres convert makes an .onnx model for the others"
    if file.foreign_graph and backend is not None and RUNTIMES[backend].rebuilds:
        return f"{RUNTIMES[backend].title} builds networks anew that upres knows, and this graph is another program's"
    if file.precision == "int8":
        return "give the float32 model for the others"
    return "upres quantise makes its int8 version"


def _listed(table: Iterable[Execution]) -> str:
    """Say executions in one line: onnx cpu fp32 int8, openvino cpu fp32 bf16 int8, …"""
    rows = groupby(table, lambda execution: (execution.backend, execution.device))
    return ", ".join(" ".join([*place, *(each.precision for each in found)]) for place, found in rows)
