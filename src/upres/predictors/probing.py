"""Measures runtimes on this machine: which execution of a model is the fastest that gives the right pixels.

What `auto` means, and why:

- **Precision is float32 unless somebody says otherwise.** The commands that enlarge say `near`: what costs at most
  0.02 dB on a photograph and a fifth of a level in smooth ground, which nobody can tell from float32 (bfloat16, on
  processors that multiply in it; never int8, whose steps show in a ramp). `auto` allows 0.05 dB and half a level.
- **Backend and device may be left to a measurement**, because in float32 all of them give the same pixels up to
  rounding: 1e-4 of the range is allowed, and 2e-3 would be half an 8-bit level.
- **Nothing is believed.** Each execution is run on a drawing, a photograph and a ramp (`upres.predictors.trials`), next
  to ONNX Runtime in float32. One that differs too far is out, however fast. (Found like this: an int8 model
  that ONNX Runtime runs at 49 dB from float32, and OpenVINO, without an error, at 21 dB.)
- **Reduced precision that was asked for by name is tried too**; the job fails where it is plainly broken.
- **It costs nothing where there is nothing to measure**, and is remembered in the cache folder otherwise, by
  the model's content, the machine and the versions of everything that took part.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from upres.errors import ParityError
from upres.models.corners import ORIGIN, Position
from upres.models.files import ModelFile
from upres.models.shipped import DEFAULT
from upres.predictors.base import Predictor
from upres.predictors.executions import check_names, exact_execution, executions_for
from upres.predictors.opening import Decision, open_decided, open_execution, precision_of
from upres.predictors.runtime import Execution
from upres.predictors.table import RUNTIMES
from upres.predictors.trials import Opener, Stopwatch, Tolerance, Trial, best_seconds, loss, probe
from upres.storage.atomic import write_whole
from upres.storage.cache_home import cache_home

AUTO = "auto"
"""What stands for a device, a backend or a precision that is to be measured."""

NEAR = "near"
"""The precision that enlarging takes by default: the fastest that nobody can tell from float32."""

TOLERANCES = {NEAR: Tolerance(0.02, 0.2), AUTO: Tolerance(0.05, 0.5)}
"""What the two may cost."""

BY_NAME = Tolerance(1.0, 32.0)
"""What a precision that is asked for by name may cost: what costs more is a fault, not a trade."""

# How much faster than the preferred execution another must be: timing jitters, and every backend is one more to load.
_WORTH = 1.1


def open_probed_cached(
    model: str | Path = DEFAULT,
    scale: int | None = None,
    *,
    threads: int | None = None,
    device: str = AUTO,
    backend: str = AUTO,
    precision: str = "fp32",
    position: Position = ORIGIN,
) -> Predictor:
    """Open one model in the fastest execution of this machine whose pixels are right; otherwise as `open_predictor`.

    What was measured is read from the cache folder (`upres.storage.cache_home`), and written to it.

    Args:
        model, scale, threads: as in `open_predictor`.
        device: `cpu`, `cuda`, `mps`, `dml`, `coreml`, `npu`; `gpu` for the GPU that there is; or `auto`: where it is
            fastest.
        backend: a name of `RUNTIMES`, or `auto`: the fastest that is installed and gives the same pixels.
        precision: `fp32`, which is exact; `bf16`, `fp16`, `int8`; `near`, the fastest that costs at most 0.02 dB and
            a fifth of a level in smooth ground; or `auto`: at most 0.05 dB and half a level. An int8 model is int8
            whatever is said here.
        position: as in `open_predictor`. What is measured is the model itself: a mixture is as fast.

    Raises:
        ModelError, ConfigError, MissingExtraError: as `open_predictor`.
        ParityError: the precision that was asked for is broken on this machine.
    """

    def fastest(file: ModelFile) -> Decision:
        check_names(device=device, backend=backend, precision=None, besides=(AUTO,))
        check_names(device=None, backend=None, precision=precision, besides=(AUTO, NEAR))
        device_, backend_, precision_ = (
            None if value in (AUTO, NEAR) else value for value in (device, backend, precision_of(file, precision))
        )
        candidates = executions_for(file, device=device_, backend=backend_, precision=precision_)
        if precision == NEAR and file.precision != "int8":
            candidates = [each for each in candidates if each.precision != "int8"]
        return probe_fastest_cached(
            candidates,
            candidates[0] if file.precision == "int8" else exact_execution(file, candidates[0].device),
            lambda execution: open_execution(replace(file, position=ORIGIN), execution, threads),
            files=file.files,
            threads=threads,
            tolerance=None if precision == "fp32" else TOLERANCES.get(precision, BY_NAME),
        )

    return open_decided(model, scale, threads=threads, decide=fastest, position=position)


def probe_fastest_cached(
    candidates: Sequence[Execution],
    reference: Execution,
    opener: Opener,
    *,
    files: Sequence[Path],
    threads: int | None,
    tolerance: Tolerance | None,
    stopwatch: Stopwatch | None = None,
) -> Decision:
    """Return the fastest execution whose pixels pass; the first that passes where none is clearly faster.

    Args:
        candidates: the executions to compare, the preferred first.
        reference: what right pixels are: an execution in float32, a candidate or not.
        opener: opens the model in an execution.
        files: the model's files; with the machine and the versions they are the key of what was measured.
        threads: as the predictors are given them.
        tolerance: what reduced precision may cost; `None` where float32 was asked for.
        stopwatch: measures a predictor's seconds for an input; by default the best of a few runs.

    Raises:
        ParityError: no execution gives the right pixels.
        UpresError: what opening or running the reference raises, or the only candidate.
    """
    # Where there is nothing to measure float32 is float32, but for devices that have been seen to err.
    traded = tolerance is BY_NAME
    if len(candidates) == 1 and not traded and not _apart(candidates[0]):
        return Decision(candidates[0])
    allowed = tolerance or BY_NAME
    tried = list(dict.fromkeys((reference, *candidates)))
    alone = len(candidates) == 1
    scale, trials = _probe_cached(tried, opener, stopwatch or best_seconds, files, threads, alone=alone)
    compared = [trial for trial in trials if trial.execution in candidates]
    passed = [trial for trial in compared if not trial.fault(scale, allowed)]
    if not passed:
        faults = "; ".join(f"{trial.execution} {trial.fault(scale, allowed)}" for trial in compared)
        cure = "device cpu" if any(map(_apart, candidates)) else "precision fp32"
        raise ParityError(f"{files[0]}: tried on a probe picture: {faults}; use {cure}")
    best = min(passed, key=lambda trial: trial.seconds)
    fastest = best if best.seconds * _WORTH < passed[0].seconds else passed[0]
    return Decision(fastest.execution, _reason(fastest, trials, scale, allowed))


def _reason(fastest: Trial, trials: Sequence[Trial], scale: int, allowed: Tolerance) -> str:
    first = trials[0].seconds

    def speed(trial: Trial) -> str:
        return f"{first / trial.seconds:.1f}×" if trial.seconds else "?"

    exact = fastest.execution.precision == "fp32"
    cost = "" if exact or math.isinf(fastest.psnr) else f", loses {loss(fastest.psnr, scale):.3f} dB"
    others = (
        f"{trial.execution} {trial.fault(scale, allowed) or speed(trial)}" for trial in trials if trial is not fastest
    )
    return f"{speed(fastest)} the speed of {trials[0].execution}{cost}; tried too: {', '.join(others)}"


def _probe_cached(
    tried: Sequence[Execution],
    opener: Opener,
    stopwatch: Stopwatch,
    files: Sequence[Path],
    threads: int | None,
    *,
    alone: bool,
) -> tuple[int, list[Trial]]:
    place = cache_home() / "probes" / f"{_key(tried, files, threads)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # absent, or damaged: measure
        told = json.loads(place.read_text(encoding="utf-8"))
        return int(told["scale"]), [_from_row(each, row) for each, row in zip(tried, told["trials"], strict=True)]
    scale, trials = probe(tried, opener, stopwatch, alone=alone)
    told = {
        "model": str(files[0]),
        "machine": _machine(),
        "scale": scale,
        "trials": [_row(trial) for trial in trials],
    }
    with contextlib.suppress(OSError):  # a folder that cannot be written costs the same again next time
        write_whole(place, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return scale, trials


def _row(trial: Trial) -> dict[str, Any]:
    measured = {name: value for name, value in asdict(trial).items() if name != "execution"}
    return {"way": str(trial.execution), **measured}  # the word of the first caches


def _from_row(execution: Execution, row: dict[str, Any]) -> Trial:
    measured = dict(row)
    if measured.pop("way") != str(execution):
        raise ValueError("a trial of something else")
    if execution.precision != "fp32" and "smooth" not in measured:
        raise ValueError("tried when smooth ground was not looked at")
    return Trial(execution, **measured)


def _key(tried: Sequence[Execution], files: Sequence[Path], threads: int | None) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    reference = RUNTIMES["onnx"].module
    others = {RUNTIMES[execution.backend].module for execution in tried} - {reference}
    parts = {part.package for each in tried for part in RUNTIMES[each.backend].parts.values() if part.package}
    libraries = ("upres", "numpy", reference, *sorted(others), *(sorted(parts) if any(map(_apart, tried)) else ()))
    told: list[Any] = [_machine(), threads, [str(each) for each in tried], [_version(name) for name in libraries]]
    digest.update(json.dumps(told).encode())
    return digest.hexdigest()[:32]


def _apart(execution: Execution) -> bool:
    """Return whether an execution needs a part besides its runtime."""
    return execution.device in RUNTIMES[execution.backend].parts


def _version(library: str) -> str:
    spec = importlib.util.find_spec(library.replace("-", "_"))
    if spec is not None and spec.origin is not None:  # the name of a folder says it, where pip put both
        wanted = library.replace("-", "_").lower() + "-"
        for name in (path.name for path in Path(spec.origin).parents[1].iterdir()):
            if name.endswith(".dist-info") and name.lower().startswith(wanted):
                return name.removesuffix(".dist-info")[len(wanted) :]
    from importlib.metadata import PackageNotFoundError, version  # a fiftieth of a second, where nothing is probed

    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed as a package"


def _machine() -> str:
    name = platform.processor()
    with contextlib.suppress(OSError, StopIteration):  # only Linux has it, and names the processor nowhere else
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{platform.system()} {platform.machine()}, {name}, {os.cpu_count()} processors"
