"""What a person waits for besides the enlarging itself: seconds from process start, each in a new process.

    python -m benchmarks.startup [--model base] [--quick]

"file written" is the moment at which the finished file has its name; the process may take longer to leave.
Inference alone is the same enlarging in a process that has done it before.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import argument_parser, machine, medians, picture, run
from benchmarks.marks import Mark, held_against
from upres import load
from upres.errors import FailedError
from upres.evaluation.text_tables import text_table
from upres.image import Picture, write

HELP = Mark("--help has answered", "<", 0.15, "s")
COLD = Mark("from process start to the file written, all but inference", "<", 0.45, "s")
_POLL = 0.001


def _spent(command: Sequence[str | Path], written: Path | None = None) -> tuple[float, float]:
    """Run a command; return seconds until `written` is there (`nan` without it), and until it has left."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "UPRES_NO_CONFIG": "1"},
    )
    seen = math.nan
    if written is not None:
        while process.poll() is None:
            if written.exists():
                seen = time.perf_counter() - start
                break
            time.sleep(_POLL)
    _, error = process.communicate()
    left = time.perf_counter() - start
    if process.returncode:
        last = error.decode(errors="replace").strip().splitlines()[-1:]
        raise FailedError(f"{' '.join(map(str, command))}: left with {process.returncode}: {' '.join(last)}")
    if written is not None and written.exists() and math.isnan(seen):
        seen = left  # written and left between two looks
    return seen, left


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default="base", help="as upres --model")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--size", type=int, default=256, help="side of the picture")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="3 repeats; numbers are rough")
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else arguments.repeats
    upscaler = load(arguments.model, scale=arguments.scale)
    print(machine("pyvips", "onnxruntime", "typer"))
    pixels = picture(arguments.size, arguments.size)
    upscaler(pixels)
    (inference,) = medians([lambda: upscaler(pixels)], repeats)
    command = Path(sys.executable).with_name("upres")
    front = [command] if command.is_file() else [sys.executable, "-m", "upres"]
    name = "upres" if command.is_file() else "python -m upres"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "photo.png", Path(folder) / "photo_x.png"
        write(Picture(pixels), source)
        enlarge = [*front, source, "-o", target, "--model", arguments.model, "--scale", str(arguments.scale)]
        commands: dict[str, tuple[list[str | Path], Path | None]] = {
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            'python -c "import upres"': ([sys.executable, "-c", "import upres"], None),
            f"{name} --help": ([*front, "--help"], None),
            f"{name} photo.png": (enlarge, target),
        }
        taken: dict[str, list[tuple[float, float]]] = {label: [] for label in commands}
        for turn in range(repeats + 1):
            for label, (words, written) in commands.items():
                target.unlink(missing_ok=True)
                spent = _spent(words, written)
                if turn:  # the first brings the files into the system's memory
                    taken[label].append(spent)
    rows = [(label, f"{statistics.median(left for _, left in spent):.3f}") for label, spent in taken.items()]
    whole = statistics.median(seen for seen, _ in taken[f"{name} photo.png"])
    rows += [
        ("  until the file is written", f"{whole:.3f}"),
        ("  inference alone, warm", f"{inference:.3f}"),
        ("  all but inference", f"{whole - inference:.3f}"),
    ]
    print(
        f"{arguments.size}×{arguments.size} PNG, model {Path(arguments.model).name} ×{arguments.scale}, "
        f"median of {repeats} new processes each, alternated; files warm in memory\n"
    )
    print(text_table(("", "seconds"), rows), end="\n\n")
    held_against(HELP, statistics.median(left for _, left in taken[f"{name} --help"]))
    held_against(COLD, whole - inference)


if __name__ == "__main__":
    run(main)
