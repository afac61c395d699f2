"""What the trainer costs beside a plain PyTorch loop: steps a second of base-x4, and the time to the first step.

    python -m benchmarks.trainer [--photos FOLDER] [--rounds 5] [--steps 150]

`benchmarks/plain_loop.py` is the loop: network, losses, optimiser, averaged weights, clipping, batch and precision of
the recipe, on the same pictures, decoded into memory. Contenders take turns, each in a new process, and one clock is
read in all of them: when PyTorch has taken an optimiser's step. `upres train` tells glibc to keep freed memory, so the
loop runs twice: as it stands, and with the same told to it by the environment; that one is what is left of framework.
The first start of upres also decodes the pictures into its cache; later ones find it. Beside other work, with one of
two busy cores taken from a step's threads, steps a second say nothing: take --threads 1 there, and look at the
processor's time too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.marks import Mark, held_against
from upres.errors import DataError, FailedError
from upres.evaluation.text_tables import text_table
from upres.image import Picture, picture_files, write

SPEED = Mark("steps a second ÷ the plain loop's", "≥", 0.97)
BEGINNING = Mark("time to the first step beyond the plain loop's", "≤", 1, "s")
ROOT = Path(__file__).resolve().parents[1]
# The first steps wait for memory, kernels and the optimiser's first bases.
_WARMING = 30
_PICTURES, _SIDE = 48, 512
_FIRST, _TRAINER, _LOOP, _KEPT_LOOP = "upres train, first start", "upres train", "plain loop", "plain loop, memory kept"
_KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(256 * 2**20)}

_CLOCK = """
import atexit, json, sys, time
from torch.optim.optimizer import register_optimizer_step_post_hook
target, arguments = sys.argv[1], json.loads(sys.argv[2])
taken = []
register_optimizer_step_post_hook(lambda *given: taken.append((time.time(), time.process_time())))
atexit.register(lambda: open(target, "w").write(json.dumps(taken)))
"""
_OURS = _CLOCK + "sys.argv = ['upres', *arguments]\nfrom upres.cli.main import main\nmain()"
_PLAIN = _CLOCK + "from benchmarks.plain_loop import train\ntrain(*arguments)"


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds to its first step; then steps a second, and milliseconds of processor a step."""

    first: float
    rate: float
    busy: float

    @property
    def figures(self) -> tuple[float, float, float]:
        return self.rate, self.busy, self.first


def taken(program: str, arguments: Sequence[object], work: Path, environment: Mapping[str, str]) -> Taken:
    """Run a contender in a new process.

    Raises:
        FailedError: it did not end well; says its last words.
    """
    times = work / "times.json"
    command = [sys.executable, "-c", program, str(times), json.dumps(arguments)]
    given = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))), **environment}
    began = time.time()
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False, cwd=work)
    if done.returncode:
        raise FailedError(f"a contender left with {done.returncode}: {done.stderr.strip()[-300:]}")
    steps = json.loads(times.read_text(encoding="utf-8"))
    later = steps[_WARMING:]
    seconds, busy = (last - first for first, last in zip(later[0], later[-1], strict=True))
    return Taken(steps[0][0] - began, (len(later) - 1) / seconds, 1e3 * busy / (len(later) - 1))


def ours(folder: Path, run_folder: Path, steps: int) -> list[str]:
    """Return the arguments of `upres`: the recipe as it is, on these pictures, one epoch of so many steps."""
    settings = [
        "train.epochs=1",
        f"train.steps_per_epoch={steps}",
        f"data.train=[{{name: folder, path: {folder}}}]",
        f"data.validation=[{{name: folder, path: {folder}, take: 2, crop: 256}}]",
    ]
    return ["train", "base-x4", "--run", str(run_folder), *(word for one in settings for word in ("--set", one))]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, help=f"a folder of pictures; {_PICTURES} are made without")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each contender")
    parser.add_argument("--steps", type=int, default=150, help="of each process")
    parser.add_argument("--threads", type=int, help="of all contenders; by default as many as cores")
    given = parser.parse_args()
    if given.steps <= _WARMING + 1:
        parser.error(f"--steps {given.steps}: the first {_WARMING} are not counted; give more than {_WARMING + 1}")
    print(machine("torch", "pytorch-lightning", "pytorch-optimizer"))
    threads = {} if given.threads is None else {"OMP_NUM_THREADS": str(given.threads)}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "photos" if given.photos is None else given.photos.resolve()
        if given.photos is None:
            folder.mkdir()
            for number in range(_PICTURES):
                write(Picture(picture(_SIDE, _SIDE, seed=number)), folder / f"{number:02}.png")
        files = [str(path) for path in picture_files(folder)]
        if not files:
            raise DataError("no pictures; give another --photos", where=folder)
        loop = [files, given.steps, str(work / "plain.pt")]
        found: dict[str, list[Taken]] = {name: [] for name in (_FIRST, _TRAINER, _LOOP, _KEPT_LOOP)}
        for turn in range(given.rounds + 1):
            for label, runs in found.items():
                if label in (_FIRST, _TRAINER):
                    steps = _WARMING + 2 if label == _FIRST else given.steps
                    cache = {"UPRES_CACHE": str(work / (f"cache-{turn}" if label == _FIRST else "cache"))}
                    arguments = ours(folder, work / f"run-{label}-{turn}", steps)
                    result = taken(_OURS, arguments, work, {**threads, **cache})
                else:
                    result = taken(_PLAIN, loop, work, {**threads, **(_KEPT if label == _KEPT_LOOP else {})})
                if turn:  # the first brings the files into the system's memory
                    runs.append(result)
    rows = []
    for label, runs in found.items():
        rate, busy, first = (
            statistics.median(getattr(one, name) for one in runs) for name in ("rate", "busy", "first")
        )
        rows.append((label, *(("", "") if label == _FIRST else (f"{rate:.2f}", f"{busy:.1f}")), f"{first:.2f}"))
    print(text_table(("", "steps a second", "processor (ms a step)", "first step after (s)"), rows))
    print(f"medians of {given.rounds} processes of {given.steps} steps, in turn; below, of the turns' own ratios\n")
    for label in (_LOOP, _KEPT_LOOP):
        ratios = [one.rate / other.rate for one, other in zip(found[_TRAINER], found[label], strict=True)]
        held_against(SPEED, statistics.median(ratios), label)
    for label in (_FIRST, _TRAINER):
        later = [one.first - other.first for one, other in zip(found[label], found[_LOOP], strict=True)]
        held_against(BEGINNING, statistics.median(later), label)


if __name__ == "__main__":
    run(main)
