"""What a runtime says about itself: a row of `RUNTIMES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upres.predictors.base import Predictor


@dataclass(frozen=True, slots=True)
class Execution:
    """How a model is run.

    Attributes:
        backend: the runtime, by its name in `RUNTIMES`.
        device: where it runs: `cpu`, `cuda`, `mps`, `dml`, `coreml`, `npu`, or what a runtime calls its own.
        precision: in which numbers it multiplies: `fp32`, `bf16`, `fp16` or `int8`.
    """

    backend: str
    device: str
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.device} {self.precision}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a runtime needs besides itself to use a device.

    Attributes:
        title: its name as its makers write it.
        there: whether this installation and machine seem to have it; it imports nothing and asks no device.
        install: what to do to have it.
        package: what is installed in place of the runtime's own package, or empty: what is remembered about a device is
            forgotten when its version changes.
    """

    title: str
    there: Callable[[], bool]
    install: str
    package: str = ""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A library that runs models.

    Attributes:
        title: its name as its makers write it.
        module: what is imported. It is looked for to know whether the runtime is installed, and what is remembered
            about it is forgotten when the version of the package of that name changes.
        install: the command that installs it.
        suffixes: of the files that it opens, with their dot.
        precisions: those it has on each device, the preferred device and precision first.
        open: opens a file for an execution, with a number of threads or `None` for one a core. It imports the library,
            and need not say what to install where that fails.
        parts: of devices, what they need besides the runtime. Such a device is believed only after it gave the right
            pixels of a probe, in float32 too.
        only_by_name: devices on which `auto` leaves a file to another runtime that opens it too.
        rebuilds: whether it builds the network of an ONNX file anew from its facts: other programs' graphs it cannot.
    """

    title: str
    module: str
    install: str
    suffixes: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]
    open: Callable[[Path, Execution, int | None], Predictor]
    parts: Mapping[str, Part] = field(default_factory=dict)
    only_by_name: tuple[str, ...] = ()
    rebuilds: bool = False
