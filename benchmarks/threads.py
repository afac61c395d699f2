"""One upscaler in many threads and in processes of every kind: calls that fail, or give other pixels than alone.

    python -m benchmarks.threads [--calls 100] [--backends onnx openvino torch]

Each thread and each worker has a picture of its own size, so that nobody's output can pass for another's.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import upres
from benchmarks.common import argument_parser, machine, run
from benchmarks.marks import Mark, held_against
from upres.predictors.executions import this_machine

BAD = Mark("calls that failed or differ", "≤", 0)
REFUSED = Mark("seconds until a file is refused in a process forked too late", "<", 1, "s")
THREADS, WORKERS = 8, 4


def sources(count: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    return [generator.random((20 + 2 * index, 24 + index, 3), dtype=np.float32) for index in range(count)]


def bad_in_threads(upscaler: upres.Upscaler, calls: int) -> int:
    """Return how many of `calls` in each thread failed or gave something else."""
    given = sources(THREADS)
    alone = [upscaler(lr) for lr in given]

    def one(index: int) -> int:
        bad = 0
        for _ in range(calls):
            try:
                bad += not np.array_equal(upscaler(given[index]), alone[index])
            except upres.UpresError:
                bad += 1
        return bad

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(one, range(THREADS)))


def bad_in_processes(upscaler: upres.Upscaler, method: str, refused: bool = False) -> int:
    """Return how many of four workers' pictures are not what this process makes.

    Args:
        refused: no picture is right; each is to be refused by one line of upres's.
    """
    given = sources(WORKERS)
    alone = [upscaler(lr) for lr in given]
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context(method)) as pool:
        if refused:
            errors = [pool.submit(upscaler, lr).exception(timeout=300) for lr in given]
            return sum(not isinstance(error, upres.UpresError) for error in errors)
        made = pool.map(upscaler, given, timeout=300)
        return sum(not np.array_equal(sr, expected) for sr, expected in zip(made, alone, strict=True))


def seconds_until_refused() -> float:
    """Return how long a forked process takes to say that it cannot read files; infinite when it does not say it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lr.png"
        upres.write(upres.Picture(np.zeros((64, 64, 3), np.uint8)), path)
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            try:
                upres.read(path)
            except upres.UpresError:
                os._exit(0)
            os._exit(1)
        while time.perf_counter() - began < 10:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return time.perf_counter() - began if status == 0 else float("inf")
            time.sleep(0.001)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return float("inf")


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--calls", type=int, default=100, help="of each thread")
    parser.add_argument("--backends", nargs="+", default=sorted(this_machine().backends))
    given = parser.parse_args()
    print(machine("onnxruntime", "openvino", "torch"))
    for backend in given.backends:
        upscaler = upres.load("fast", scale=2, backend=backend)
        began = time.perf_counter()
        bad = bad_in_threads(upscaler, given.calls)
        taken = time.perf_counter() - began
        held_against(BAD, bad, f"{backend}, {THREADS} threads × {given.calls} calls, {taken:.1f} s")
        for method in multiprocessing.get_all_start_methods():
            refused = (backend, method) == ("openvino", "fork")  # its threads do not follow
            words = f"{backend}, {WORKERS} workers by {method}" + ", each refused" * refused
            held_against(BAD, bad_in_processes(upscaler, method, refused), words)
    if hasattr(os, "fork"):
        held_against(REFUSED, seconds_until_refused())


if __name__ == "__main__":
    run(main)
