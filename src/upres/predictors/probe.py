"""Which way to run a model on this machine: the fastest of those that give the right pixels, tried once.

What `auto` means, and why:

- **Precision is float32 unless somebody says otherwise.** A library that is trusted with photographs does
  not trade their pixels for speed on its own account. `precision="auto"` is how one says so: it allows what
  costs at most 0.05 dB, which nobody sees.
- **Backend and device may be chosen freely**, because in float32 all of them give the same pixels up to
  rounding: 1e-4 of the range is allowed, and 2e-3 would be half an 8-bit level.
- **Nothing is believed.** Each way is run on a picture with edges, gradients, texture and flat ground, next
  to ONNX Runtime in float32. A way that differs too far is out, however fast. (Found like this: an int8 model
  that ONNX Runtime runs at 49 dB from float32, and OpenVINO, without an error, at 21 dB.)
- **Reduced precision that was asked for by name is tried too**; the job fails where it is plainly broken.
- **It costs nothing where there is nothing to choose**, and is remembered in the cache folder otherwise, by
  the model's content, the machine and the versions of everything that took part.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ParityError, UpresError
from upres.predictors.backends import Way
from upres.predictors.base import Predictor
from upres.storage.atomic import write_whole
from upres.storage.cache_home import cache_home

# As in upres.export.onnx: two float32 runtimes add the same products in another order.
_ROUNDING = 1e-4
# What precision="auto" may cost, in dB of PSNR.
_LOSS = 0.05
# The PSNR that good models of a scale reach on Set5: errors of reduced precision add to a model's own, and
# weigh most where that is small. Beyond ×4 as ×4.
_MODEL_PSNR = {1: 40.0, 2: 38.2, 3: 34.6, 4: 32.4}
# dB from float32 below which reduced precision is not a trade but a fault.
_BROKEN = 40.0
# How much faster than the preferred way another must be: timing jitters, and every backend is one more to load.
_WORTH = 1.1
_SIDE = 96
_RUNS = 3
_SLOW = 0.5  # seconds of a first run above which it is the measurement


@dataclass(frozen=True, slots=True)
class Trial:
    """What one way did on the probe.

    Attributes:
        way: as text.
        seconds: for the probe, the best of a few; infinite when it could not run.
        psnr: dB from the reference, both clipped to [0, 1].
        worst: largest difference, in units of the pixel range, not clipped.
        error: why it could not run.
    """

    way: str
    seconds: float = math.inf
    psnr: float = -math.inf
    worst: float = math.inf
    error: str = ""

    def fault(self, least: float) -> str:
        """Return why its pixels are not right, in words; empty when they are."""
        if self.error:
            return self.error
        if self.way.endswith("fp32"):
            allowed = f"only rounding ({_ROUNDING:.0e}) is allowed"
            return "" if self.worst <= _ROUNDING else f"differs by {self.worst:.1e} of the range, and {allowed}"
        return "" if self.psnr >= least else f"is {self.psnr:.1f} dB from float32, and {least:.1f} is the least"


@dataclass(frozen=True, slots=True)
class Choice:
    """The way that was picked, and why, in words."""

    way: Way
    reason: str = ""


Opener = Callable[[Way], Predictor]


def choose(
    ways: Sequence[Way],
    reference: Way,
    open_way: Opener,
    *,
    files: Sequence[Path],
    threads: int | None,
    traded: bool,
) -> Choice:
    """Return the fastest way whose pixels pass; the first that passes where none is clearly faster.

    Args:
        ways: the candidates, the preferred first.
        reference: what right pixels are: a way in float32, a candidate or not.
        open_way: opens the model in a way.
        files: the model's files; with the machine and the versions they are the key of what was tried.
        threads: as the predictors are given them.
        traded: whether reduced precision was asked for by name; then only what is plainly broken is out.

    Raises:
        ParityError: no way gives the right pixels.
        UpresError: what opening or running the reference raises.
    """
    tried = list(dict.fromkeys((reference, *ways)))
    if len(ways) == 1 and not traded:  # nothing to choose, and float32 is float32
        return Choice(ways[0])
    scale, trials = _remembered(tried, open_way, files, threads)
    least = _BROKEN if traded else least_psnr(scale)
    pairs = list(zip(trials, tried, strict=True))
    passed = [(trial, way) for trial, way in pairs if way in ways and not trial.fault(least)]
    if not passed:
        if len(ways) == 1:
            open_way(ways[0])  # says better than a trial what it lacks
        faults = "; ".join(f"{trial.way} {trial.fault(least)}" for trial, way in pairs if way in ways)
        raise ParityError(f"{files[0]}: tried on a probe picture: {faults}; use --precision fp32")
    best = min(passed, key=lambda pair: pair[0].seconds)
    chosen = best if best[0].seconds * _WORTH < passed[0][0].seconds else passed[0]
    return Choice(chosen[1], _reason(chosen[0], trials, least))


def _reason(chosen: Trial, trials: Sequence[Trial], least: float) -> str:
    first = trials[0].seconds

    def speed(trial: Trial) -> str:
        return f"{first / trial.seconds:.1f}×" if trial.seconds else "?"

    near = f", {chosen.psnr:.0f} dB from float32" if math.isfinite(chosen.psnr) and chosen.psnr < 100 else ""
    others = ", ".join(f"{trial.way} {trial.fault(least) or speed(trial)}" for trial in trials if trial is not chosen)
    return f"{speed(chosen)} the speed of {trials[0].way}{near}; tried too: {others}"


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
    noise = float(np.mean(np.square(np.clip(sr, 0, 1) - np.clip(expected, 0, 1), dtype=np.float64)))
    return math.inf if noise == 0 else -10 * math.log10(noise)


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


def _try_all(ways: Sequence[Way], open_way: Opener) -> tuple[int, list[Trial]]:
    reference = open_way(ways[0])
    facts = reference.facts
    lr = picture(facts.channels, -(-_SIDE // facts.multiple) * facts.multiple)
    expected = reference.predict(lr)
    trials = [Trial(str(ways[0]), _seconds(reference, lr), math.inf, 0.0)]
    for way in ways[1:]:
        try:
            trials.append(_try(way, open_way(way), lr, expected))
        except UpresError as error:
            trials.append(Trial(str(way), error=f"cannot run ({error})"))
    return facts.scale, trials


def _try(way: Way, predictor: Predictor, lr: NDArray[np.float32], expected: NDArray[np.float32]) -> Trial:
    sr = predictor.predict(lr)
    if not np.isfinite(sr).all():
        return Trial(str(way), error="gives NaN or infinite pixels")
    worst = float(np.abs(sr - expected).max())
    return Trial(str(way), _seconds(predictor, lr), psnr(sr, expected), worst)


def _seconds(predictor: Predictor, lr: NDArray[np.float32]) -> float:
    best = math.inf
    for _ in range(_RUNS):
        began = time.perf_counter()
        predictor.predict(lr)
        best = min(best, time.perf_counter() - began)
        if best > _SLOW:
            break
    return best


def _remembered(
    ways: Sequence[Way], open_way: Opener, files: Sequence[Path], threads: int | None
) -> tuple[int, list[Trial]]:
    place = cache_home() / "probes" / f"{_key(ways, files, threads)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # absent, or damaged: measure
        told = json.loads(place.read_text(encoding="utf-8"))
        found = [Trial(**row) for row in told["trials"]]
        if [trial.way for trial in found] == [str(way) for way in ways]:
            return int(told["scale"]), found
    scale, trials = _try_all(ways, open_way)
    told = {
        "model": str(files[0]),
        "machine": _machine(),
        "scale": scale,
        "trials": [asdict(trial) for trial in trials],
    }
    with contextlib.suppress(OSError):  # a folder that cannot be written costs the same again next time
        write_whole(place, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return scale, trials


def _key(ways: Sequence[Way], files: Sequence[Path], threads: int | None) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    libraries = ("upres", "numpy", "onnxruntime", *sorted({way.backend for way in ways} - {"onnx"}))
    told: list[Any] = [_machine(), threads, [str(way) for way in ways], [_version(name) for name in libraries]]
    digest.update(json.dumps(told).encode())
    return digest.hexdigest()[:32]


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"


def _machine() -> str:
    name = platform.processor()
    with contextlib.suppress(OSError, StopIteration):  # only Linux has it, and names the processor nowhere else
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{platform.system()} {platform.machine()}, {name}, {os.cpu_count()} processors"
