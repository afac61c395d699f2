"""How fast, how large and how exact each execution of a model is on this machine; every row in its own process."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from upres.errors import ModelError, UpresError
from upres.evaluation.evaluate import entrant, evaluate
from upres.evaluation.test_sets import open_test_set
from upres.metrics import metric
from upres.models.files import model_file
from upres.models.shipped import named, shipped
from upres.predictors import Execution, Predictor, open_execution, open_predictor, trials
from upres.predictors.executions import Machine, executions_of, this_machine
from upres.predictors.probing import open_probed_cached


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeedJob:
    """One row to measure: a model file, its execution, and for how long.

    Attributes:
        model: the float32 `.onnx` or the `.safetensors` file.
        execution: how it is run; int8 takes the int8 version beside the model.
        side: of the square lr picture that is enlarged, in pixels.
        seconds: how long to measure, after one run to warm up.
        threads: `None` for one a core.
        data: pictures on which to measure what is lost; `None` estimates it.
    """

    model: Path
    execution: Execution
    side: int = 256
    seconds: float = 1.0
    threads: int | None = None
    data: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeedRow:
    """What was measured.

    Attributes:
        job: of what.
        scale: the model's.
        milliseconds: per output megapixel, the median.
        memory: bytes, the peak of the whole process; 0 where the system does not tell.
        near: luma dB from ONNX Runtime in float32 on the included photograph (for a checkpoint: from PyTorch).
        psnr: luma, mean over `data`; NaN without.
        fault: why it could not be run; the numbers mean nothing then.
    """

    job: SpeedJob
    scale: int = 0
    milliseconds: float = math.nan
    memory: int = 0
    near: float = math.nan
    psnr: float = math.nan
    fault: str = ""


def files(names: Sequence[str]) -> list[Path]:
    """Return the files of shipped models (all scales of a name; all names for none) and those given as paths.

    Raises:
        ModelError: an unknown name, or nothing is shipped.
    """
    inside = shipped()
    if not names and not inside:
        raise ModelError("no models come with this installation; give the path of one")
    found: list[Path] = [] if names else [model.path for model in inside]
    for name in names:
        path = Path(name)
        found += [path] if path.is_file() else [model.path for model in named(name)]
    return found


def executions_here(model: Path, machine: Machine | None = None) -> list[Execution]:
    """Return every execution of a model on a machine (by default this one), whether `auto` would consider it or not."""
    machine = machine or this_machine()
    return [
        execution
        for execution in executions_of(model_file(model))
        if machine.runs(execution) and machine.has(execution.device)
    ]


def bench(jobs: Sequence[SpeedJob]) -> Iterator[SpeedRow]:
    """Measure jobs one after the other, each in a fresh process; yield each row when it is done."""
    for job in jobs:
        # A process that was forked would begin with this one's memory.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            try:
                yield pool.submit(measure, job).result()
            except BrokenProcessPool:
                yield SpeedRow(job=job, fault="the process was killed, likely for its memory")


def measure(job: SpeedJob) -> SpeedRow:
    """Measure one job in this process."""
    try:
        return _measured(job)
    except UpresError as error:
        return SpeedRow(job=job, fault=str(error))


def lost(row: SpeedRow, rows: Sequence[SpeedRow]) -> float:
    """Return what a row loses against float32 in dB: measured on the pictures, or estimated without any.

    The estimate adds the error on the included photograph to that of a model as good as the best of its scale.
    """
    if row.job.data is None:
        return trials.loss(row.near, row.scale)
    same = [other for other in rows if other.job.model == row.job.model]
    exact = [other.psnr for other in same if other.job.execution.precision == "fp32"]
    return exact[0] - row.psnr if exact else math.nan


def picked(model: Path, precision: str, threads: int | None) -> str:
    """Return the execution that `auto` comes to for a model, and why, in words."""
    return open_probed_cached(model, precision=precision, threads=threads).how


def _measured(job: SpeedJob) -> SpeedRow:
    predictor = open_execution(model_file(job.model), job.execution, job.threads)
    facts = predictor.facts
    side = -(-job.side // facts.multiple) * facts.multiple
    lr = trials.drawn(facts.channels, side)
    predictor.predict(lr)
    taken: list[float] = []
    began = time.perf_counter()
    while not taken or time.perf_counter() - began < job.seconds:
        start = time.perf_counter()
        predictor.predict(lr)
        taken.append(time.perf_counter() - start)
    memory = peak_memory()  # before the float32 model is loaded to compare with
    megapixels = (side * facts.scale) ** 2 / 1e6
    return SpeedRow(
        job=job,
        scale=facts.scale,
        milliseconds=statistics.median(taken) * 1e3 / megapixels,
        memory=memory,
        near=_nearness(job, predictor),
        psnr=_psnr(job, predictor),
    )


def _nearness(job: SpeedJob, predictor: Predictor) -> float:
    exact = open_predictor(job.model, device="cpu", threads=job.threads)
    return trials.nearness(predictor, exact)[0]


def _psnr(job: SpeedJob, predictor: Predictor) -> float:
    if job.data is None:
        return math.nan
    measured_on = open_test_set(job.data, predictor.facts.scale)
    return evaluate([entrant("", predictor)], measured_on, metrics={"psnr": metric("psnr")}).mean("", "psnr")


def peak_memory() -> int:
    """Return the most bytes this process has held, 0 where the system does not tell."""
    try:
        # Not ru_maxrss on Linux: it begins with what the process that started this one held.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return _max_rss()


def _max_rss() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
