"""Whether the backend that is chosen earns its place: against PyTorch eager, and its precisions against float32.

    python -m benchmarks.backends [MODEL …] [--data DIR] [--threads 2] [--quick]

A model is the name of a shipped one, as base-x4, or an .onnx file that `upres export` wrote. Per model:

- throughput of what `auto` chooses in float32 ÷ PyTorch eager on the same network;
- on each backend, throughput of the fastest precision that costs at most 0.05 dB of luma PSNR on --data (a
  folder with HR and LRx<scale>, such as Set5) ÷ float32 on the same backend.

Eager is PyTorch as its users run it: float32, its own memory layout, in a process of its own. There glibc gives
large blocks back to the system after each layer and asks for them again, which costs PyTorch a quarter of its time;
a second process is told to keep them, as few users know to (MALLOC_… in the environment), and stands in the table too.
All take turns, and rest in between, until the threads of the one before have stopped waiting for work.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, name_and_scale, picture, run
from benchmarks.marks import Mark, held_against
from upres.errors import ConfigError, UpresError
from upres.evaluation.evaluate import entrant, evaluate
from upres.evaluation.speed import executions_here
from upres.evaluation.test_sets import open_test_set
from upres.evaluation.text_tables import text_table
from upres.image import to_unit
from upres.metrics import metric
from upres.models.files import model_file
from upres.models.shipped import find, shipped
from upres.predictors import Execution, Predictor, open_execution
from upres.predictors.executions import exact_execution
from upres.predictors.probing import open_probed_cached

EAGER = Mark("what is chosen in float32, its speed ÷ PyTorch eager's", "≥", 1.8)
REDUCED = Mark("the fastest precision within 0.05 dB, its speed ÷ float32's", "≥", 1.8)
ALLOWED = 0.05  # dB


_KEPT = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_TOP_PAD_": "200000000"}
_REST = 0.1  # seconds


def _eager(path: Path, lr: NDArray[np.float32], threads: int, line: Connection) -> None:
    import torch

    from upres.models import checkpoint

    torch.set_num_threads(threads)
    network = checkpoint.load_onnx(path)[0]
    while line.recv():
        began = time.perf_counter()
        with torch.inference_mode():
            network(torch.from_numpy(lr)).numpy()
        line.send(time.perf_counter() - began)


class Eager:
    """The network as PyTorch runs it when nobody does anything about it; each call returns its seconds."""

    def __init__(self, path: Path, lr: NDArray[np.float32], threads: int, environment: Mapping[str, str]) -> None:
        self._line, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_eager, args=(path, lr, threads, theirs))
        os.environ.update(environment)  # read by the new process as it starts
        self._process.start()
        for name in environment:
            del os.environ[name]

    def __call__(self) -> float:
        self._line.send(True)
        seconds: float = self._line.recv()
        return seconds

    def close(self) -> None:
        self._line.send(False)
        self._process.join()


def timed(predictor: Predictor, lr: NDArray[np.float32]) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        predictor.predict(lr)
        return time.perf_counter() - began

    return seconds


def medians(runs: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Return the median of the seconds that each run says it took; all take turns."""
    taken: list[list[float]] = [[] for _ in runs]
    for number in range(repeats + 2):
        for each, found in zip(runs, taken, strict=True):
            time.sleep(_REST)
            seconds = each()
            if number >= 2:  # the first two are for warming up
                found.append(seconds)
    return [statistics.median(found) for found in taken]


def opened(path: Path, threads: int) -> dict[Execution, Predictor]:
    found: dict[Execution, Predictor] = {}
    for execution in executions_here(path):
        try:
            found[execution] = open_execution(model_file(path), execution, threads)
        except UpresError as error:
            print(f"{path.stem}, {execution}: passed over: {error}")
    return found


def psnr(predictor: Predictor, data: Path | None) -> float:
    if data is None:
        return math.nan
    test_set = open_test_set(data, predictor.facts.scale)
    return evaluate([entrant("", predictor)], test_set, metrics={"psnr": metric("psnr")}).mean("", "psnr")


def measured(path: Path, arguments: argparse.Namespace) -> None:
    predictors = opened(path, arguments.threads)
    chosen = open_probed_cached(path, threads=arguments.threads)
    side = -(-arguments.size // chosen.facts.multiple) * chosen.facts.multiple
    lr = np.ascontiguousarray(to_unit(picture(side, side)).transpose(2, 0, 1)[None, : chosen.facts.channels])
    eagers = [Eager(path, lr, arguments.threads, environment) for environment in ({}, _KEPT)]
    runs: list[Callable[[], float]] = [*eagers, *(timed(predictor, lr) for predictor in (chosen, *predictors.values()))]
    eager_ms, kept_ms, chosen_ms, *times = (1000 * each for each in medians(runs, 3 if arguments.quick else 15))
    for eager in eagers:
        eager.close()
    ms = dict(zip(predictors, times, strict=True))
    found = {execution: psnr(predictor, arguments.data) for execution, predictor in predictors.items()}
    exact = found[exact_execution(model_file(path), "cpu")]
    rows = [
        ("torch eager fp32", f"{eager_ms:.1f}", "1.00", "", ""),
        ("torch eager fp32, memory kept", f"{kept_ms:.1f}", f"{eager_ms / kept_ms:.2f}", "", ""),
    ]
    for each, taken in ms.items():
        float32 = ms[Execution(each.backend, each.device, "fp32")]
        rows.append(
            (str(each), f"{taken:.1f}", f"{eager_ms / taken:.2f}", f"{float32 / taken:.2f}", _dB(exact - found[each]))
        )
    print(text_table((path.stem, "ms", "÷ eager", "÷ fp32, same backend", "dB lost"), rows))
    print(f"\nchosen in float32: {chosen.how}")
    held_against(EAGER, eager_ms / chosen_ms, path.stem)
    for backend in dict.fromkeys(each.backend for each in ms):
        fit = [each for each in ms if each.backend == backend and exact - found[each] <= ALLOWED]
        if fit:
            best = min(fit, key=lambda each: ms[each])
            ratio = ms[Execution(backend, best.device, "fp32")] / ms[best]
            held_against(REDUCED, ratio, f"{path.stem}, {backend}, {best.precision}")
    print()


def _dB(lost: float) -> str:  # noqa: N802 (the unit's own spelling)
    return "-" if math.isnan(lost) else f"{round(lost, 3) + 0.0:.3f}"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("models", nargs="*", help="names as base-x4, or .onnx files; all that are shipped")
    parser.add_argument("--data", type=Path, help="pictures on which dB are lost; without, only times")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=256, help="side of the lr picture")
    parser.add_argument("--quick", action="store_true", help="3 repeats; numbers are rough")
    arguments = parser.parse_args()
    paths = [model.path for model in shipped()]
    if arguments.models:
        paths = [Path(model) if Path(model).suffix else find(*name_and_scale(model)).path for model in arguments.models]
    if not paths:
        raise ConfigError("no model is shipped and none was given; name an .onnx file")
    print(machine("onnxruntime", "openvino", "torch"))
    print(f"lr {arguments.size}×{arguments.size}, {arguments.threads} threads, warm, taken in turn\n")
    for path in paths:
        measured(path, arguments)


if __name__ == "__main__":
    run(main)
