"""Run the benchmarks one after the other: the machine, their tables, and at the end the marks that were missed.

    python -m benchmarks.all [--only NAME …] [--data DATA] [--photos PHOTOS] [--peers PEERS] [--runs RUNS]
        [--features FILE] [--before BEFORE] [--quick]

Each runs in a process of its own, so that none meets the memory and the caches of the one before. A benchmark whose
folder was not given is passed over, and said. --quick gives rough numbers, and leaves out what trains networks and
the 100 megapixels of memory.py. Missed marks leave the exit code as it is, unless --strict is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import argument_parser, machine
from benchmarks.marks import COUNTED, counted

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "data": "the folder with Set5, Set14 and BSD100",
    "photos": "photographs: the folder that the recipe base-x4 calls data",
    "peers": "weights that others published",
    "runs": "run folders, named as their recipes",
    "features": "a file of VGG19's filters, up to conv3_4 at least",
    "before": "a checkout of the version to compare with",
}


@dataclass(frozen=True)
class Benchmark:
    """A script and how it is run here.

    Attributes:
        lines: its arguments, for each time that it runs; `{data}` stands for a folder of `FOLDERS`.
        quick: the same with --quick; `None` leaves it out then.
        more: arguments that are added to the first line when their folder is there.
    """

    lines: Sequence[Sequence[str]] = ((),)
    quick: Sequence[Sequence[str]] | None = (("--quick",),)
    more: Sequence[str] = ()

    @property
    def needs(self) -> list[str]:
        """The folders without which it is passed over."""
        return _folders([word for line in self.lines for word in line])


_STAT = Path("/proc/stat")
_UNDISTURBED = 0.1  # of a core: what a system does for itself

_SETS = (("--data", "{data}"),)
_MEMORY = ("--model", "base", "--megapixels", "24:jpg:tif")
_FRONT = ("measure", "--data", "{data}", "--peers", "{peers}", "--photos", "{photos}/cid22", "--scale")
BENCHMARKS = {
    "tiling": Benchmark(quick=(("--sizes", "5"),)),
    "memory": Benchmark(((*_MEMORY, "100:tif:tif"),), quick=(("--model", "bicubic", "--megapixels", "24:jpg:tif"),)),
    "serve": Benchmark(((),), quick=(("--quick",),)),
    "folder": Benchmark((("--pictures", "200"),), quick=(("--pictures", "20"),)),
    "scale": Benchmark(quick=(("--quick", "--only", "shards", "bucket", "names", "rows"),)),
    "cost": Benchmark(quick=(("--quick", "--rounds", "1"),)),
    "faults": Benchmark(quick=(("--kills", "3", "--faults", "3"),)),
    "video": Benchmark(
        quick=(("--pictures", "16", "--size", "320x240", "--long", "300", "--kills", "3", "--repeats", "1"),)
    ),
    "backends": Benchmark(more=("--data", "{data}/Set5")),
    "threads": Benchmark(quick=(("--calls", "10"),)),
    "startup": Benchmark(),
    "inference": Benchmark(),
    "patches": Benchmark(),
    "pipeline": Benchmark(quick=(("--repeats", "10"),)),
    "trainer": Benchmark(quick=(("--rounds", "1", "--steps", "60"),)),
    "evaluation": Benchmark(quick=(("--repeats", "1"),)),
    "cifar10": Benchmark(quick=(("--take", "500"),)),
    "formats": Benchmark(quick=((),)),
    "quality": Benchmark(_SETS, quick=(("--data", "{data}", "--limit", "5"),)),
    "photo": Benchmark(_SETS, quick=(("--data", "{data}", "--limit", "5"),)),
    "adaptive": Benchmark(_SETS, quick=(("--data", "{data}", "--limit", "2"),)),
    "detail": Benchmark(
        (("--data", "{data}", "--features", "{features}"),),
        quick=(("--data", "{data}", "--features", "{features}", "--step", "50"),),
    ),
    "natural": Benchmark(_SETS, quick=(("--data", "{data}", "--limit", "5"),)),
    "png": Benchmark((("--photos", "{photos}"),), quick=(("--photos", "{photos}", "--count", "2"),)),
    "optimizers": Benchmark((("--photos", "{photos}"),), quick=None),
    "peers": Benchmark(
        (("--weights", "{peers}", "--data", "{data}"),),
        quick=(("--weights", "{peers}", "--data", "{data}", "--limit", "5"),),
    ),
    "front": Benchmark(
        ((*_FRONT, "2"), (*_FRONT, "4"), ("draw", "--output", "runs/front/front.png")),
        quick=None,
    ),
    "sweep": Benchmark((("measure", "--data", "{data}"), ("draw", "--output", "runs/sweep/front.png")), quick=None),
    "systems": Benchmark((("--runs", "{runs}"),), quick=None),
    "against": Benchmark(
        (("--before", "{before}"),), quick=(("--before", "{before}", "--repeats", "3"),), more=("--photos", "{photos}")
    ),
    "fuzz": Benchmark((("--minutes", "30"),), quick=(("--minutes", "1"),)),
    "damage": Benchmark(quick=(("--mutations", "20"),)),
    "install": Benchmark(quick=None),
}


def commands(
    name: str, folders: Mapping[str, str], *, quick: bool, benchmarks: Mapping[str, Benchmark] = BENCHMARKS
) -> list[list[str]]:
    """Return the arguments of each time that a benchmark runs, none where it is passed over."""
    chosen = benchmarks[name]
    lines = chosen.quick if quick else chosen.lines
    if lines is None or not set(chosen.needs) <= set(folders):
        return []
    more = chosen.more if set(_folders(chosen.more)) <= set(folders) else ()
    return [[word.format(**folders) for word in (*line, *(more if line is lines[0] else ()))] for line in lines]


def _folders(words: Sequence[str]) -> list[str]:
    return [folder for folder in FOLDERS if any(f"{{{folder}}}" in word for word in words)]


def _others_seconds() -> float | None:
    """Return the CPU seconds that other programs than this one and its children have taken; only Linux tells."""
    if not _STAT.is_file():
        return None
    user, nice, system, _, _, interrupts, soft, *_ = map(int, _STAT.read_text().splitlines()[0].split()[1:])
    own = sum(os.times()[:4])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK") - own


def _beside(seconds: float, before: float | None, disturbed: list[float]) -> str:
    """Return what is to be said of other programs, if they took more than a tenth of a core; add it to the list."""
    after = _others_seconds()
    if before is None or after is None or (cores := (after - before) / seconds) < _UNDISTURBED:
        return ""
    disturbed.append(cores)
    return f"; other programs took {cores:.1f} cores"


def main(benchmarks: Mapping[str, Benchmark] = BENCHMARKS, root: Path = ROOT) -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="scripts to run, as tiling memory")
    for folder, words in FOLDERS.items():
        parser.add_argument(f"--{folder}", type=Path, help=words)
    parser.add_argument("--quick", action="store_true", help="less of everything; numbers are rough")
    parser.add_argument("--strict", action="store_true", help="leave with exit code 1 when a mark is missed")
    given = parser.parse_args()
    if unknown := sorted(set(given.only) - set(benchmarks)):
        parser.error(f"{unknown[0]}: no such benchmark here; there are {', '.join(benchmarks)}")
    folders = {name: str(path.resolve()) for name in FOLDERS if (path := getattr(given, name)) is not None}
    print(machine("onnxruntime", "openvino", "torch"), flush=True)
    failed: list[str] = []
    disturbed: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        for name in given.only or benchmarks:
            print(f"\n## {name}\n", flush=True)
            lines = commands(name, folders, quick=given.quick, benchmarks=benchmarks)
            if not lines:
                lacking = [f"--{folder}" for folder in benchmarks[name].needs if folder not in folders]
                reason = f"needs {' and '.join(lacking)}" if lacking else "has no quick way"
                print(f"not run: {reason}", flush=True)
            for line in lines:
                began, busy = time.perf_counter(), _others_seconds()
                command = [sys.executable, "-m", f"benchmarks.{name}", *line]
                code = subprocess.run(
                    command, cwd=root, env={**os.environ, COUNTED: str(marks)}, check=False
                ).returncode
                seconds = time.perf_counter() - began
                print(f"\n{name}: {seconds:.0f} s, exit code {code}{_beside(seconds, busy, disturbed)}", flush=True)
                failed += [name] if code else []
        looked_at, missed = counted(marks)
    print(
        "\n".join(["", "## marks", "", f"{looked_at - len(missed)} of {looked_at} marks reached", *missed]), flush=True
    )
    if disturbed:
        print(f"other programs took up to {max(disturbed):.1f} cores meanwhile: times and ratios of times say little")
    if failed:
        raise SystemExit(f"failed: {', '.join(dict.fromkeys(failed))}")
    if missed and given.strict:
        raise SystemExit(f"{len(missed)} marks missed")


if __name__ == "__main__":
    main()
