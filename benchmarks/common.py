"""What every benchmark needs: the machine in one line, pictures to work on, medians of alternated runs."""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.errors import UpresError
from upres.image import imresize


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the reader of a script's arguments; its description is the module's own."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def name_and_scale(model: str) -> tuple[str, int | None]:
    """Return what a model is called and its scale, where the name says it: `base-x4`, as `upres models` lists it."""
    name, _, scale = model.rpartition("-x")
    return (name, int(scale)) if name and scale.isdigit() else (model, None)


def machine(*packages: str) -> str:
    """Return processor, cores, load and versions in one line, to be printed with the numbers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = f", load {os.getloadavg()[0]:.1f} before it began" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("upres", "numpy", *packages))
    return f"{_processor()}, {cores} cores{busy}; {platform.system()}, Python {platform.python_version()}, {versions}"


def alternated(runs: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Return the seconds of each run, `repeats` of each, taken in turn so that a slow moment meets all alike."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return seconds


def medians(runs: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Return the median seconds of each run."""
    return [statistics.median(taken) for taken in alternated(runs, repeats)]


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture `h w 3` with detail at every size, as photographs have (noise of each octave, 1/f)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    side = 4
    while side < 2 * max(height, width):
        cells = rng.standard_normal((min(side, height), min(side, width), 3))
        total += imresize(cells, size=(height, width)) * (4 / side) ** 0.8
        side *= 2
    low, high = np.percentile(total, (1, 99))
    pixels: NDArray[np.uint8] = np.clip((total - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return pixels


def epoch_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a run's metrics.csv, one an epoch."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(main: Callable[[], None]) -> None:
    """Run a benchmark's main; what upres refuses is one line, as at the command line."""
    # An installation has its bytecode; where none is kept, each process that is timed would compile upres anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        main()
    except UpresError as error:
        raise SystemExit(f"{error}") from None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
