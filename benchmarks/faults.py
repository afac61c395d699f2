"""Kills and faults at random moments: after running again, is every output there, whole, and the same?

python -m benchmarks.faults [--kills 30] [--faults 30] [--seed 0] [--ray]

Pictures go from a bucket into a bucket, by the engine of this machine, and with --ray by Ray. A kill is a SIGKILL of
the command, of the bucket's server, or of one of Ray's workers; a fault is a run in which a fifth of all requests goes
wrong. Each is followed by the same command, undisturbed, and its outputs are held against those of a run that nothing
happened to.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.marks import Mark, held_against
from benchmarks.store import environment
from upres.image import Picture, write

LOST = Mark("outputs lost", "≤", 0)
PARTIAL = Mark("objects that are no whole output", "≤", 0)
DIFFERENT = Mark("outputs that differ, or were put twice with different bytes", "≤", 0)
UNTOLD = Mark("outputs that no manifest tells of", "≤", 0)

_MODEL = ["--model", "bicubic", "--scale", "2"]


class Bucket:
    """The server, which may be killed and started again at its port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self, faults: float = 0.0) -> None:
        command = [sys.executable, "-m", "benchmarks.store", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--faults", str(faults)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def command(port: int, engine: str) -> list[str]:
    """Return what enlarges the bucket."""
    more = ["--engine", "ray"] if engine == "ray" else []
    return [sys.executable, "-m", "upres", "s3://pictures/in", "-o", "s3://pictures/out", *_MODEL, "-q", *more]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", action="store_true", help="by Ray, whose workers are killed too")
    given = parser.parse_args()
    print(machine(), flush=True)
    chance = random.Random(given.seed)
    engine = "ray" if given.ray else "local"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bucket = Bucket(root)
        for number in range(given.pictures):
            path = root / f"pictures/in/{'deep/' * (number % 2)}{number:02}.{('png', 'jpg')[number % 2]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(Picture(picture(300 + 20 * (number % 5), 400, number)), path)
        bucket.start()
        variables = {**os.environ, **environment(bucket.port), "UPRES_NO_CONFIG": "1"}
        call = command(bucket.port, engine)
        began = time.monotonic()
        subprocess.run(call, env=variables, check=True)
        seconds = time.monotonic() - began
        expected = _objects(root)
        print(f"undisturbed: {len(expected)} outputs in {seconds:.1f} s", flush=True)
        counts = dict.fromkeys(("lost", "partial", "different", "untold"), 0)
        for number in range(given.kills + given.faults):
            shutil.rmtree(root / "pictures/out")
            (root / "puts").unlink()
            said = _disturbed(call, variables, bucket, number - given.kills, seconds, chance)
            before = len(_objects(root))
            done = subprocess.run(call, env=variables, check=False, stderr=subprocess.PIPE, text=True)
            found = _faults(root, expected)
            for name, count in found.items():
                counts[name] += count
            wrong = ", ".join(f"{count} {name}" for name, count in found.items() if count)
            print(f"{number + 1}. {said}: {before} outputs there, then {wrong or 'all'}{_told(done)}", flush=True)
        bucket.kill()
    held_against(LOST, counts["lost"])
    held_against(PARTIAL, counts["partial"])
    held_against(DIFFERENT, counts["different"])
    held_against(UNTOLD, counts["untold"])


def _disturbed(
    call: list[str], variables: dict[str, str], bucket: Bucket, number: int, seconds: float, chance: random.Random
) -> str:
    """Run the command while something happens to it, and return what that was; negative numbers are kills."""
    if number < 0:
        what = chance.choice(("command", "server", "worker") if "ray" in call else ("command", "server"))
        moment = chance.uniform(0.3, 1.0) * seconds
        _killed(call, variables, bucket, what, moment)
        return f"kill of the {what} after {moment:.1f} s"
    bucket.kill()
    bucket.start(faults=0.2)
    subprocess.run(call, env=variables, check=False, stderr=subprocess.DEVNULL)
    bucket.kill()
    bucket.start()
    return "a fifth of all requests failed"


def _told(done: subprocess.CompletedProcess[str]) -> str:
    return f"; exit code {done.returncode}: {done.stderr.strip()[:300]}" if done.returncode else ""


def _killed(call: list[str], variables: dict[str, str], bucket: Bucket, what: str, moment: float) -> None:
    """Start the command, and kill one of those that take part."""
    process = subprocess.Popen(call, env=variables, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(moment)
    if what == "server":
        bucket.kill()
        time.sleep(0.3)
        bucket.start()
        process.wait()
    elif what == "worker":
        for pid in _workers(process.pid):
            _kill(pid)
        process.wait()
    else:
        workers = _descendants(process.pid)
        process.kill()
        process.wait()
        time.sleep(0.2)
        for pid in workers:  # Ray's own processes notice only after a while that nobody is left
            _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def _workers(pid: int) -> list[int]:
    found = []
    for each in _descendants(pid):
        try:
            if b"ray::_done" in Path(f"/proc/{each}/cmdline").read_bytes():
                found.append(each)
        except OSError:
            continue
    return found[:1]


def _objects(root: Path) -> dict[str, bytes]:
    out = root / "pictures/out"
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if path.suffix not in (".jsonl", ".part")}


def _faults(root: Path, expected: dict[str, bytes]) -> dict[str, int]:
    there = _objects(root)
    puts: dict[str, set[str]] = {}
    for line in (root / "puts").read_text().splitlines():
        digest, _, name = line.partition(" ")
        puts.setdefault(name, set()).add(digest)
    told = set()
    for part in (root / "pictures/out/upres-manifest").rglob("*.jsonl"):
        rows = map(json.loads, part.read_text().splitlines())
        told |= {row["output"].removeprefix("s3://pictures/out/") for row in rows if row["error"] is None}
    return {
        "lost": len(set(expected) - set(there)),
        "partial": len(set(there) - set(expected)),
        "different": sum(there[name] != expected[name] for name in set(there) & set(expected))
        + sum(len(digests) > 1 for name, digests in puts.items() if "upres-manifest" not in name),
        "untold": len(set(there) - told),
    }


if __name__ == "__main__":
    run(main)
