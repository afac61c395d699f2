"""The seconds that `upres evaluate` takes for CIFAR-10's test set, from process start to its last file.

    python -m benchmarks.evaluation [--data FOLDER] [--model FILE] [--repeats 3]

The model is cifar10-x2 (214,380 parameters), beside bicubic in one table. FOLDER holds cifar-10-batches-py; without it
10,000 pictures are drawn in that layout, whose pixels take as long.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import argument_parser, machine, run
from benchmarks.marks import Mark, held_against
from upres.data.draw import draw
from upres.errors import FailedError

SECONDS = Mark("CIFAR-10's test set, two models", "≤", 40, "s")
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, help="the folder that holds cifar-10-batches-py")
    parser.add_argument("--model", type=Path, default=ROOT / "checkpoints" / "cifar10-x2.safetensors")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(machine("torch", "onnxruntime"))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        data = draw("CIFAR-10", work) if given.data is None else given.data.resolve()
        command = [sys.executable, "-m", "upres", "evaluate", str(given.model.resolve()), "bicubic"]
        command += ["--data", f"{data}?split=test", "--scale", "2"]
        taken = []
        for turn in range(given.repeats):
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT / "src"),
                "UPRES_CACHE": str(work / f"cache-{turn}"),  # nothing is known of the pictures or of the machine
            }
            began = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=work)
            taken.append(time.perf_counter() - began)
            if done.returncode:
                raise FailedError(f"upres evaluate left with {done.returncode}: {done.stderr.strip()[-300:]}")
        print(f"{done.stdout.strip()}\n")
        print(f"seconds: {', '.join(f'{one:.1f}' for one in taken)}")
        held_against(SECONDS, statistics.median(taken))


if __name__ == "__main__":
    run(main)
