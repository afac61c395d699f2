"""What a person waits for besides the enlarging itself: seconds from process start, each in a new process.

    python -m benchmarks.startup [--model base] [--quick]

"file written" is the moment at which the finished file has its name; the process may take longer to leave.
Inference alone is the same enlarging in a process that has done it before.
"""

from __future__ import annotations

import json
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
COLD = Mark("from process start to the file written, all but inference", "<", 0.35, "s")
_POLL = 0.001
# What the command does, in its order, each step by itself in one process; `a` are model, scale, source and target.
STEPS = (
    ("Typer", "import typer"),
    ("modules of the command", "import upres.cli.main"),
    (
        "options built and read",
        "import typer.main\n"
        "command = typer.main.get_command(upres.cli.main.command_line(['upscale']))\n"
        "command.commands['upscale'].make_context('upscale', [a[2], '-o', a[3], '--model', a[0], '--scale', a[1]])",
    ),
    ("NumPy", "import numpy"),
    ("upres.image with libvips", "import upres.image"),
    ("upres.upscaling", "import upres.upscaling.batch, upres.upscaling.loading, upres.upscaling.pipeline"),
    ("the runtime's modules", "import onnxruntime"),
    ("model opened", "upscaler = upres.upscaling.loading.load(a[0], scale=int(a[1]), backend='onnx')"),
    ("picture read", "found = upres.image.read(a[2])"),
    ("first inference", "large = upscaler(found.pixels)"),
    ("file written", "upres.image.write(upres.image.Picture(large), a[3])"),
)
_CHILD = (
    "import json, sys, time\n"
    "steps, a = json.loads(sys.argv[1]), sys.argv[2:]\n"
    "taken, names = [], {'a': a}\n"
    "for step in steps:\n"
    "    began = time.perf_counter(), time.process_time()\n"
    "    exec(step, names)\n"
    "    taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))\n"
    "print(json.dumps(taken))"
)


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


def _steps(words: Sequence[str], repeats: int) -> list[tuple[str, str, str]]:
    """Return what each step of the command takes, on the clock and of the processor; the median of new processes."""
    found = []
    for _ in range(repeats):
        call = [sys.executable, "-c", _CHILD, json.dumps([code for _, code in STEPS]), *words]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    rows = []
    for number, (label, _) in enumerate(STEPS):
        clock, used = (statistics.median(each[number][which] for each in found) for which in (0, 1))
        rows.append((label, f"{clock:.3f}", f"{used:.3f}"))
    return rows


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default="base", help="as upres --model")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--size", type=int, default=256, help="side of the picture")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="3 repeats; numbers are rough")
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else arguments.repeats
    upscaler = load(arguments.model, scale=arguments.scale, precision="near")
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
        steps = _steps([arguments.model, str(arguments.scale), str(source), str(target)], repeats)
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
    print("where it goes: the steps one after the other, ONNX Runtime; the command reads while it opens the model\n")
    print(text_table(("", "seconds", "of the processor"), steps), end="\n\n")
    held_against(HELP, statistics.median(left for _, left in taken[f"{name} --help"]))
    held_against(COLD, whole - inference)


if __name__ == "__main__":
    run(main)
