"""Mutated pictures, models and recipes, given to upres by the hundred thousand: nothing may come of them but a line.

    python -m benchmarks.fuzz [--minutes 5] [--mutations N] [--seed 0] [--keep FOLDER]
    python -m benchmarks.fuzz --replay SEED:NUMBER

One small file of each kind is made, changed at random (bytes, ends, lengths, parts moved and taken from others), and
enlarged as the command would, or read as a recipe as far as the first step of its training. That runs in a process
of its own, of which a finding is: a signal that ends it, an exception that is not upres's own, 20 seconds, 2 GB, a file
left behind, a library's words on the terminal, an output of another size. What was found is printed with its seed and
number; `--replay` does it again. Linux only: peaks are read from /proc.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import argument_parser, machine, run
from benchmarks.fuzzing import samples
from benchmarks.fuzzing.child import case_of
from benchmarks.marks import Mark, held_against

FINDINGS = Mark("findings", "≤", 0)

# Of a clock on the wall, on a machine that may do other work; the child counts 20 seconds of its own.
_PATIENCE = 120.0
# How many cases a process does: what it keeps of each would add up.
_CASES = 2000
_OUTCOMES = ("done", "warned", "refused", "failed", "finding")


def tried(folder: Path, seed: int, first: int, last: int, until: float) -> Iterator[dict[str, Any]]:
    """Yield what became of each case from `first` to `last`, in a process that is started anew after it died.

    Args:
        folder: with `samples` in it.
        seed, first, last: of the cases.
        until: when to end (`time.monotonic`).
    """
    while first < last and time.monotonic() < until:
        work = folder / "work"
        work.mkdir(exist_ok=True)
        arguments = [str(folder / "samples"), str(work), *map(str, (seed, first, min(last, first + _CASES)))]
        with (folder / "child.err").open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "benchmarks.fuzzing.child", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        begun, kind = first, ""
        with child:
            try:
                for line in _lines(child):
                    told = {} if line is None else json.loads(line)
                    if line is None:
                        where = _stuck(child, folder / "child.err")
                        yield {
                            "number": begun,
                            "kind": kind,
                            "finding": f"no answer in {_PATIENCE:g} s",
                            "stack": where,
                        }
                        begun += 1
                    elif "begun" in told:
                        begun, kind = told["begun"], told["kind"]
                    else:
                        begun = told["number"] + 1
                        yield told
                    if line is None or time.monotonic() > until:
                        break
                else:
                    code = child.wait()
                    if code < 0:
                        yield {"number": begun, "kind": kind, "finding": f"ended by {signal.Signals(-code).name}"}
                        begun += 1
                    elif code > 0:
                        raise SystemExit((folder / "child.err").read_text() or f"left with {code} at {begun}")
            finally:
                child.kill()
        first = begun


def _stuck(child: subprocess.Popen[bytes], errors: Path) -> str:
    """End a child that does not answer, and return how long it worked and where each of its threads stood."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    worked = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    child.send_signal(signal.SIGABRT)  # faulthandler's dump of all threads
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(20)
    return f"state {fields[0]}, {worked:.0f} s of work since its first case\n{errors.read_text(errors='replace')}"


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Yield a child's lines, and `None` when it says nothing for too long."""
    assert child.stdout is not None
    rest, patience = b"", 600.0  # until it has imported everything
    while True:
        ready, _, _ = select.select([child.stdout], [], [], patience)
        if not ready:
            yield None
            return
        patience = _PATIENCE
        part = os.read(child.stdout.fileno(), 1 << 16)
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode() for line in whole)


def kept(folder: Path, keep: Path, seed: int, number: int) -> Path:
    """Save the file of a case."""
    case = case_of(folder / "samples", seed, number)
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{seed}-{number}{case.suffix}"
    path.write_bytes(case.mutation.content)
    return path


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--mutations", type=int, default=10**9, metavar="N", help="end after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the number of the first")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="save the files of findings there")
    parser.add_argument("--replay", metavar="SEED:NUMBER", help="do one again, and save its file here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upres-fuzz-") as name:
        folder = Path(name)
        (folder / "samples").mkdir()
        samples.make(folder / "samples")
        if given.replay:
            seed, number = map(int, given.replay.split(":"))
            case = case_of(folder / "samples", seed, number)
            print(f"{case.sample}: {', '.join(case.mutation.ways)} → {case.output}, {case.options}")
            print(kept(folder, Path(), seed, number))
            for told in tried(folder, seed, number, number + 1, time.monotonic() + 600):
                print(json.dumps(told, indent=1, ensure_ascii=False))
            return
        print(machine("pyvips", "onnxruntime", "openvino", "torch"))
        print(f"seed {given.seed}, numbers from {given.first}", flush=True)
        _all(folder, given.seed, given.first, given.first + given.mutations, given.minutes, given.keep)


def _until_interrupted(results: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what comes until Ctrl-C, so that what was counted is printed."""
    with contextlib.suppress(KeyboardInterrupt):
        yield from results


def _all(folder: Path, seed: int, first: int, last: int, minutes: float, keep: Path | None) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    worst_seconds = worst_peak = 0.0
    seen: Counter[str] = Counter()
    began = time.monotonic()
    for told in _until_interrupted(tried(folder, seed, first, last, began + 60 * minutes)):
        found = told["finding"]
        counts[told["kind"], "finding" if found else told["outcome"]] += 1
        worst_seconds, worst_peak = max(worst_seconds, told.get("seconds", 0)), max(worst_peak, told.get("peak", 0))
        done = sum(counts.values())
        if done % 5000 == 0:
            print(f"{done:,} in {(time.monotonic() - began) / 60:.0f} minutes", flush=True)
        if found:
            seen[found[:60]] += 1
            if seen[found[:60]] <= 5:
                print(f"{seed}:{told['number']} {told['kind']}: {found}", told.get("stack", ""), flush=True)
            if keep is not None and seen[found[:60]] <= 5:
                kept(folder, keep, seed, told["number"])
    kinds = sorted({kind for kind, _ in counts})
    print(f"\n| {' | '.join(('file', 'mutations', *_OUTCOMES))} |\n|{'---|' * (2 + len(_OUTCOMES))}")
    for kind in (*kinds, "all"):
        row = [sum(counts[each, word] for each in (kinds if kind == "all" else [kind])) for word in _OUTCOMES]
        print(f"| {kind} | {' | '.join(f'{number:,}' for number in (sum(row), *row))} |")
    spent = time.monotonic() - began
    print(f"\n{spent / 60:.1f} minutes; longest {worst_seconds:.1f} s, most memory {worst_peak / 1e6:,.0f} MB")
    held_against(FINDINGS, sum(seen.values()))


if __name__ == "__main__":
    run(main)
