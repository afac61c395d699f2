"""This version and one before, in turn: what a person waits for, and the steps a second of a training.

    python -m benchmarks.against --before BEFORE [--photos PHOTOS] [--repeats 15]

BEFORE is a checkout of another version (`git worktree add BEFORE REVISION`). Both run in this environment, each command
in a new process, alternated, so that a slow moment of the machine meets both. PHOTOS, a folder of pictures, adds the
training.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import argument_parser, machine, picture, run
from upres.errors import FailedError
from upres.evaluation.text_tables import text_table
from upres.image import Picture, write

ROOT = Path(__file__).resolve().parents[1]
_STEPS = 300


def ran(checkout: Path, arguments: Sequence[str]) -> tuple[float, str]:
    """Run Python with a checkout's upres; return the seconds until it has left, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, cwd=checkout
    )
    taken = time.perf_counter() - began
    if done.returncode:
        raise FailedError(f"{' '.join(arguments)}: left with {done.returncode}: {done.stderr.strip()[-300:]}")
    return taken, done.stdout


def seconds_of_an_epoch(checkout: Path, photos: Path, folder: Path) -> float:
    """Train base-x4's network for two short epochs; return the seconds between the lines that end them."""
    run_folder = folder / f"run-{time.monotonic_ns()}"
    settings = [
        "train.epochs=2",
        f"train.steps_per_epoch={_STEPS}",
        f"data.train=[{{name: folder, path: {photos}}}]",
        f"data.validation=[{{name: folder, path: {photos}, take: 1}}]",
    ]
    given = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "upres", "train", "base-x4", "--run", str(run_folder), *given]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    ended: list[float] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=checkout) as process:
        assert process.stderr is not None
        said = ""
        for said in process.stderr:
            if said.startswith("epoch "):
                ended.append(time.perf_counter())
    if process.returncode or len(ended) != 2:
        raise FailedError(f"{' '.join(command)}: left with {process.returncode}: {said.strip()}")
    return ended[1] - ended[0]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of another version")
    parser.add_argument("--photos", type=Path, help="a folder of pictures, for the training")
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    versions = {"this": ROOT, "before": given.before.resolve()}
    print(machine("pyvips", "onnxruntime", "typer", "torch"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = folder / "photo.png", folder / "photo_x4.png"
        write(Picture(picture(256, 256)), source)
        enlarge = ["-m", "upres", str(source), "-o", str(target), "--model", "base", "--backend", "onnx", "--overwrite"]
        commands = {
            'python -c "import upres"': ["-c", "import upres"],
            "upres --help": ["-m", "upres", "--help"],
            "upres photo.png, 256×256": enlarge,
        }
        taken: dict[tuple[str, str], list[float]] = {}
        for turn in range(given.repeats + 1):
            for label, words in commands.items():
                for version, checkout in versions.items():
                    seconds = ran(checkout, words)[0]
                    if turn:  # the first brings the files into the system's memory
                        taken.setdefault((label, version), []).append(seconds)
        if given.photos is not None:
            label = f"training base-x4, {_STEPS} steps"
            for _ in range(3):
                for version, checkout in versions.items():
                    seconds = seconds_of_an_epoch(checkout, given.photos.resolve(), folder)
                    taken.setdefault((label, version), []).append(seconds)
    labels = list(dict.fromkeys(label for label, _ in taken))
    rows = []
    for label in labels:
        ours, theirs = taken[label, "this"], taken[label, "before"]
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        rows.append((label, f"{statistics.median(ours):.3f}", f"{statistics.median(theirs):.3f}", f"{ratio:.3f}"))
    print(f"seconds, medians of new processes in turn; ratio: the median of the pairs' ({given.repeats} of each)\n")
    print(text_table(("", "this", "before", "ratio"), rows))


if __name__ == "__main__":
    run(main)
