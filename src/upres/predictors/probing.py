"""Measures runtimes on this machine: which execution of a model is the fastest that gives the right pixels.

What `auto` means, and why:

- **Precision is float32 unless somebody says otherwise.** A library that is trusted with photographs does
  not trade their pixels for speed on its own account. `precision="auto"` is how one says so: it allows what
  costs at most 0.05 dB, which nobody sees.
- **Backend and device may be left to a measurement**, because in float32 all of them give the same pixels up to
  rounding: 1e-4 of the range is allowed, and 2e-3 would be half an 8-bit level.
- **Nothing is believed.** Each execution is run on a picture with edges, gradients, texture and flat ground, next
  to ONNX Runtime in float32. One that differs too far is out, however fast. (Found like this: an int8 model
  that ONNX Runtime runs at 49 dB from float32, and OpenVINO, without an error, at 21 dB.)
- **Reduced precision that was asked for by name is tried too**; the job fails where it is plainly broken.
- **It costs nothing where there is nothing to measure**, and is remembered in the cache folder otherwise, by
  the model's content, the machine and the versions of everything that took part.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ParityError, UpresError
from upres.models.corners import ORIGIN, Position
from upres.models.files import ModelFile
from upres.models.shipped import DEFAULT
from upres.predictors.base import Predictor
from upres.predictors.executions import check_names, exact_execution, executions_for
from upres.predictors.opening import Decision, open_decided, open_execution, precision_of
from upres.predictors.runtime import Execution
from upres.predictors.table import RUNTIMES
from upres.storage.atomic import write_whole
from upres.storage.cache_home import cache_home

AUTO = "auto"
"""What stands for a device, a backend or a precision that is to be measured."""

# As in upres.export.onnx: two float32 runtimes add the same products in another order.
_ROUNDING = 1e-4
# What precision="auto" may cost, in dB of PSNR.
_LOSS = 0.05
# The PSNR that good models of a scale reach on Set5: errors of reduced precision add to a model's own, and
# weigh most where that is small. Beyond ×4 as ×4.
_MODEL_PSNR = {1: 40.0, 2: 38.2, 3: 34.6, 4: 32.4}
# dB from float32 below which reduced precision is not a trade but a fault.
_BROKEN = 40.0
# How much faster than the preferred execution another must be: timing jitters, and every backend is one more to load.
_WORTH = 1.1
_SIDE = 96
_RUNS = 3
_SLOW = 0.5  # seconds of a first run above which it is the measurement


Opener = Callable[[Execution], Predictor]
Stopwatch = Callable[[Predictor, NDArray[np.float32]], float]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one execution did on the probe.

    Attributes:
        execution: of the model.
        seconds: for the probe, the best of a few; infinite when it could not run.
        psnr: dB from the reference, both clipped to [0, 1].
        worst: largest difference, in units of the pixel range, not clipped.
        error: why it could not run.
    """

    execution: Execution
    seconds: float = math.inf
    psnr: float = -math.inf
    worst: float = math.inf
    error: str = ""

    def fault(self, least: float) -> str:
        """Return why its pixels are not right, in words; empty when they are."""
        if self.error:
            return self.error
        if self.execution.precision == "fp32":
            allowed = f"only rounding ({_ROUNDING:.0e}) is allowed"
            return "" if self.worst <= _ROUNDING else f"differs by {self.worst:.1e} of the range, and {allowed}"
        return "" if self.psnr >= least else f"is {self.psnr:.1f} dB from float32, and {least:.1f} is the least"


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
        precision: `fp32`, which is exact; `bf16`, `fp16`, `int8`; or `auto`: the fastest that costs at most
            0.05 dB. An int8 model is int8 whatever is said here.
        position: as in `open_predictor`. What is measured is the model itself: a mixture is as fast.

    Raises:
        ModelError, ConfigError, MissingExtraError: as `open_predictor`.
        ParityError: the precision that was asked for is broken on this machine.
    """

    def fastest(file: ModelFile) -> Decision:
        check_names(device=device, backend=backend, precision=precision, besides=(AUTO,))
        device_, backend_, precision_ = (
            None if value == AUTO else value for value in (device, backend, precision_of(file, precision))
        )
        candidates = executions_for(file, device=device_, backend=backend_, precision=precision_)
        return probe_fastest_cached(
            candidates,
            candidates[0] if file.precision == "int8" else exact_execution(file, candidates[0].device),
            lambda execution: open_execution(replace(file, position=ORIGIN), execution, threads),
            files=file.files,
            threads=threads,
            traded=precision not in (AUTO, "fp32"),
        )

    return open_decided(model, scale, threads=threads, decide=fastest, position=position)


def probe_fastest_cached(
    candidates: Sequence[Execution],
    reference: Execution,
    opener: Opener,
    *,
    files: Sequence[Path],
    threads: int | None,
    traded: bool,
    stopwatch: Stopwatch | None = None,
) -> Decision:
    """Return the fastest execution whose pixels pass; the first that passes where none is clearly faster.

    Args:
        candidates: the executions to compare, the preferred first.
        reference: what right pixels are: an execution in float32, a candidate or not.
        opener: opens the model in an execution.
        files: the model's files; with the machine and the versions they are the key of what was measured.
        threads: as the predictors are given them.
        traded: whether reduced precision was asked for by name; then only what is plainly broken is out.
        stopwatch: measures a predictor's seconds for an input; by default the best of a few runs.

    Raises:
        ParityError: no execution gives the right pixels.
        UpresError: what opening or running the reference raises, or the only candidate.
    """
    # Where there is nothing to measure float32 is float32, but for devices that have been seen to err.
    if len(candidates) == 1 and not traded and not _apart(candidates[0]):
        return Decision(candidates[0])
    tried = list(dict.fromkeys((reference, *candidates)))
    alone = len(candidates) == 1
    scale, trials = _probe_cached(tried, opener, stopwatch or best_seconds, files, threads, alone=alone)
    least = _BROKEN if traded else least_psnr(scale)
    compared = [trial for trial in trials if trial.execution in candidates]
    passed = [trial for trial in compared if not trial.fault(least)]
    if not passed:
        faults = "; ".join(f"{trial.execution} {trial.fault(least)}" for trial in compared)
        cure = "device cpu" if any(map(_apart, candidates)) else "precision fp32"
        raise ParityError(f"{files[0]}: tried on a probe picture: {faults}; use {cure}")
    best = min(passed, key=lambda trial: trial.seconds)
    fastest = best if best.seconds * _WORTH < passed[0].seconds else passed[0]
    return Decision(fastest.execution, _reason(fastest, trials, least))


def _reason(fastest: Trial, trials: Sequence[Trial], least: float) -> str:
    first = trials[0].seconds

    def speed(trial: Trial) -> str:
        return f"{first / trial.seconds:.1f}×" if trial.seconds else "?"

    near = f", {fastest.psnr:.0f} dB from float32" if math.isfinite(fastest.psnr) and fastest.psnr < 100 else ""
    others = (f"{trial.execution} {trial.fault(least) or speed(trial)}" for trial in trials if trial is not fastest)
    return f"{speed(fastest)} the speed of {trials[0].execution}{near}; tried too: {', '.join(others)}"


def least_psnr(scale: int) -> float:
    """Return how near to float32, in dB, a reduced precision must be to cost at most 0.05 dB.

    A model's own mean squared error is 10^(-P/10); one that is independent of it and `d` dB of PSNR costs is
    10^(d/10) - 1 times as large.

    >>> round(least_psnr(2), 1), round(least_psnr(4), 1)
    (57.6, 51.8)
    """
    return _MODEL_PSNR[min(scale, 4)] - 10 * math.log10(10 ** (_LOSS / 10) - 1)


def psnr(sr: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return how near one is to the other in dB, both clipped to [0, 1]; infinite when equal."""
    from upres.metrics.psnr import psnr as of_pictures  # only what is traded for speed is measured so

    ours, theirs = (batch.reshape(-1, batch.shape[-1]) for batch in (sr, expected))
    return of_pictures(np.clip(ours, 0, 1), np.clip(theirs, 0, 1), peak=1.0)


def loss(near: float, scale: int) -> float:
    """Return what a precision so many dB from float32 costs a good model of a scale, in dB.

    >>> round(loss(least_psnr(2), 2), 3)
    0.05
    """
    return 10 * math.log10(1 + 10 ** ((_MODEL_PSNR[min(scale, 4)] - near) / 10))


def picture(channels: int, side: int = _SIDE) -> NDArray[np.float32]:
    """Return the probe, `1 c h w` in [0, 1]: a gradient, edges at many angles, texture, flat black and white."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:side, 0:side] / side
    gradient = 0.2 + 0.6 * (rows + columns) / 2
    star = np.arctan2(rows - 0.5, columns - 0.5) * 9 % (2 * np.pi) < np.pi
    inside = np.hypot(rows - 0.5, columns - 0.5) < 0.35
    base = np.where(inside, 0.15 + 0.7 * star, gradient)
    base[: side // 6, : side // 6], base[-side // 6 :, -side // 6 :] = 0, 1
    texture = rng.normal(0, 0.06, (channels, side, side)) * (columns > 0.5)
    tint = rng.uniform(0.8, 1, (channels, 1, 1))
    probe: NDArray[np.float32] = np.clip(base * tint + texture, 0, 1)[None].astype(np.float32)
    return probe


def best_seconds(predictor: Predictor, lr: NDArray[np.float32]) -> float:
    """Return the least seconds of a few predictions; one is enough where it takes long."""
    best = math.inf
    for _ in range(_RUNS):
        began = time.perf_counter()
        predictor.predict(lr)
        best = min(best, time.perf_counter() - began)
        if best > _SLOW:
            break
    return best


def probe(
    tried: Sequence[Execution], opener: Opener, stopwatch: Stopwatch, *, alone: bool = False
) -> tuple[int, list[Trial]]:
    """Measure executions of a model on the probe; return the model's scale, and a trial for each.

    Args:
        tried: the executions; the first is what right pixels are.
        opener, stopwatch: as in `probe_fastest_cached`.
        alone: whether nothing else may be taken instead of the last: where it cannot run, it says itself what it lacks.

    Raises:
        UpresError: the first cannot run, or the last, and it is `alone`.
    """
    reference = opener(tried[0])
    facts = reference.facts
    lr = picture(facts.channels, -(-_SIDE // facts.multiple) * facts.multiple)
    expected = reference.predict(lr)
    trials = [Trial(tried[0], stopwatch(reference, lr), math.inf, 0.0)]
    for execution in tried[1:]:
        try:
            trials.append(_trial(execution, opener(execution), lr, expected, stopwatch))
        except UpresError as error:
            if alone:
                raise
            trials.append(Trial(execution, error=f"cannot run ({error})"))
    return facts.scale, trials


def _trial(
    execution: Execution,
    predictor: Predictor,
    lr: NDArray[np.float32],
    expected: NDArray[np.float32],
    stopwatch: Stopwatch,
) -> Trial:
    sr = predictor.predict(lr)
    if not np.isfinite(sr).all():
        return Trial(execution, error="gives NaN or infinite pixels")
    worst = float(np.abs(sr - expected).max())
    return Trial(execution, stopwatch(predictor, lr), psnr(sr, expected), worst)


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
