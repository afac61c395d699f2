"""Run the benchmarks one after the other and print the machine and their tables.

    python -m benchmarks.all [--only NAME …] [--data DIR] [--quick]

Each runs in a process of its own, so that none meets the memory and the caches of the one before. What costs more
than a quarter of an hour on two cores, the 100 megapixels of memory.py, is left out with --quick.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import machine

ROOT = Path(__file__).resolve().parents[1]


def commands(data: Path | None, *, quick: bool) -> dict[str, list[str]]:
    """Return what runs: the script's name and its arguments."""
    rough = ["--quick"] if quick else []
    found = {
        "tiling": ["--sizes", "20"] if quick else [],
        "memory": ["--model", "bicubic" if quick else "base", "--megapixels", "24:jpg:tif"],
        "folder": ["--pictures", "20" if quick else "200"],
        "backends": rough,
        "startup": rough,
        "inference": rough,
        "patches": rough,
        "pipeline": ["--repeats", "10"] if quick else [],
    }
    if not quick:
        found["memory"].append("100:tif:tif")
    if data is not None:
        found["backends"] = [*rough, "--data", str(data / "Set5")]
        found["quality"] = ["--data", str(data)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="scripts to run, as tiling memory")
    parser.add_argument("--data", type=Path, help="the folder with Set5, Set14 and BSD100, for decibels")
    parser.add_argument("--quick", action="store_true", help="less of everything; numbers are rough")
    given = parser.parse_args()
    known = commands(given.data, quick=given.quick)
    if unknown := sorted(set(given.only) - set(known)):
        parser.error(f"{unknown[0]}: no such benchmark here; there are {', '.join(known)}")
    print(machine("onnxruntime", "openvino", "torch"), flush=True)
    failed = []
    for name in given.only or known:
        print(f"\n## {name}\n", flush=True)
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *known[name]], cwd=ROOT, check=False)
        print(f"\n{name}: {time.perf_counter() - began:.0f} s, exit code {done.returncode}", flush=True)
        if done.returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
