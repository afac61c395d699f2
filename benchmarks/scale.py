"""Many pictures: shards, a bucket that is slow, ten million names, Ray; each held against its mark.

python -m benchmarks.scale [--only shards bucket names rows ray] [--quick]

The bucket is a server of this machine (`benchmarks.store`), which takes processor time from what is measured; how
much is printed. `python -m benchmarks.faults` is the other half: kills and faults.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.marks import Mark, held_against
from benchmarks.processes import processor_seconds
from benchmarks.store import environment
from upres.image import Picture, write

SHARDS = Mark("16 shards, two at a time: outputs and merged manifest that differ from one run's", "≤", 0)
BUCKET = Mark("throughput from bucket to bucket, 50 ms for each request ÷ from folder to folder", "≥", 0.9)
MEMORY = Mark("memory of whoever names ten million pictures", "<", 500, "MB")
FIRST = Mark("the first of ten million pictures is there after", "≤", 10, "s")
RAY = Mark("throughput of Ray, 2 workers × 1 thread, after the first task ÷ of two shards by hand", "≥", 0.95)

_UPRES = [sys.executable, "-m", "upres"]
_QUIET = ["-q", "--threads", "1"]


def make(folder: Path, count: int, height: int, width: int, suffix: str = ".jpg") -> None:
    """Write pictures, of which eight differ."""
    folder.mkdir(parents=True)
    contents = []
    for number in range(min(8, count)):
        path = folder / f"{number:06}{suffix}"
        write(Picture(picture(height, width, number)), path)
        contents.append(path.read_bytes())
    for number in range(8, count):
        (folder / f"{number:06}{suffix}").write_bytes(contents[number % 8])


def upres(*words: str, **variables: str) -> float:
    """Run the command, and return the seconds that it took."""
    began = time.perf_counter()
    subprocess.run([*_UPRES, *words], env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def shards(root: Path, quick: bool) -> None:
    make(root / "in", 32 if quick else 160, 120, 160)
    model = ["--model", "fast", "--scale", "2", *_QUIET]
    upres(str(root / "in"), "-o", str(root / "one"), *model)

    def shard(number: int) -> None:
        upres(str(root / "in"), "-o", str(root / "out"), *model, "--shard", f"{number}/16")

    order = [(7 * number) % 16 + 1 for number in range(16)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(shard, order))
    one, out = _made(root / "one"), _made(root / "out")
    differing = sum(one.get(name) != out.get(name) for name in set(one) | set(out))
    merged = [_merged(root / name, root) for name in ("one", "out")]
    held_against(SHARDS, differing + (merged[0] != merged[1]))


def _made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"}


def _merged(folder: Path, root: Path) -> list[dict[str, object]]:
    done = subprocess.run([*_UPRES, "manifest", "merge", str(folder)], capture_output=True, text=True, check=True)
    lines = done.stdout.replace(str(folder), str(root)).splitlines()
    return [json.loads(line) | {"seconds": 0} for line in lines]


def bucket(root: Path, quick: bool) -> None:
    count = 16 if quick else 200
    make(root / "pictures/in", count, 1500, 2000)
    model = ["--model", "fast", "--scale", "2", "-q"]
    port, server = serve(root, "--delay", "0.05")
    try:
        # Both once before, for a picture: what is read from disk the first time belongs to neither.
        upres(str(root / "pictures/in/000000.jpg"), "-o", str(root / "first.jpg"), *model)
        folder = upres(str(root / "pictures/in"), "-o", str(root / "folder"), *model)
        before = _cpu(server.pid)
        stored = upres("s3://pictures/in", "-o", "s3://pictures/out", *model, **environment(port))
        served = _cpu(server.pid) - before
    finally:
        server.kill()
    print(
        f"{count} pictures of 3 megapixels: folder {folder:.1f} s, bucket {stored:.1f} s; the server's {served:.1f} s"
    )
    same = {path.name: path.read_bytes() for path in (root / "folder").glob("*.jpg")}
    assert same == {path.name: path.read_bytes() for path in (root / "pictures/out").glob("*.jpg")}
    held_against(BUCKET, folder / stored)


def names(root: Path, quick: bool) -> None:
    count = 1_000_000 if quick else 10_000_000
    write(Picture(picture(60, 80)), root / "picture.png")
    (root / "picture.png").rename(root / "picture")
    port, server = serve(root, "--names", str(count))
    variables = {**os.environ, **environment(port)}
    try:
        # Naming alone, as the driver of Ray does it: listing, shards, patterns, names of outputs, twins.
        code = (
            "from upres.storage.places import place_of; from upres.upscaling.batch.items import Selection\n"
            "place = place_of('s3://many/in')\n"
            "names = (entry.name for entry in place.names())\n"
            "print(sum(1 for _ in Selection('_x4').items(names, listed=True)))"
        )
        began = time.perf_counter()
        call = [sys.executable, "-c", _PEAK + code]
        done = subprocess.run(call, env=variables, capture_output=True, text=True, check=True)
        named, peak = map(int, done.stdout.split())
        assert named == count
        print(f"{count:,} names: {time.perf_counter() - began:.0f} s of listing and naming, {peak / 1e3:.0f} MB")
        began = time.perf_counter()
        words = ["s3://many/in", "-o", "s3://many/out", "--model", "bicubic", "--scale", "2"]
        process = subprocess.Popen([*_UPRES, *words], env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - began
        process.kill()
        process.wait()
    finally:
        server.kill()
    held_against(MEMORY, peak / 1e3)
    held_against(FIRST, first)


def rows(root: Path, quick: bool) -> None:
    """Read a manifest of many rows, by `status` and by a run that goes on."""
    count = 100_000 if quick else 1_000_000
    line = {
        "input": "s3://bucket/in/{}.png", "output": "s3://bucket/out/{}_x4.png", "input_size": [4000, 3000],
        "output_size": [16000, 12000], "model": "base", "scale": 4, "denoise": 0.25, "detail": 0.75,
        "changes": ["denoise 0.25, because the file says quality 92"], "seconds": 41.2, "skipped": False,
        "worst_difference": 0.0, "warnings": [], "error": None, "error_class": None, "bytes": 31_000_000,
        "sha256": "0" * 64, "settings": {"model": "base", "quality": 95}, "fingerprint": "0" * 16,
    }  # fmt: skip
    text = json.dumps(line).replace("{}", "%08d")
    path = root / "manifest.jsonl"
    with path.open("w") as file:
        for number in range(count):
            file.write(text % (number, number) + "\n")
    began = time.perf_counter()
    code = f"from upres.cli.main import main\nmain(['manifest', 'status', {str(path)!r}])"
    done = subprocess.run([sys.executable, "-c", _PEAK + code], capture_output=True, text=True, check=True)
    seconds, peak = time.perf_counter() - began, int(done.stdout.split()[-1])
    size = path.stat().st_size
    print(f"{count:,} rows, {size / 1e6:.0f} MB: status in {seconds:.0f} s, {peak / 1e3:.0f} MB")
    code = (
        "from pathlib import Path; from upres.upscaling.batch import Manifest\n"
        f"log = Manifest(Path({str(path)!r})); print(len(log._listed))"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _PEAK + code], capture_output=True, text=True, check=True)
    seconds, peak = time.perf_counter() - began, int(done.stdout.split()[-1])
    print(f"{count:,} rows: known to a run that goes on after {seconds:.0f} s, {peak / 1e3:.0f} MB")


_PEAK = (
    "import atexit, resource\n"
    "atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True))\n"
)


def ray(root: Path, quick: bool) -> None:
    """Hold Ray against two shards that are started by hand: pictures a second, by when their outputs were written."""
    if importlib.util.find_spec("ray") is None:
        print('not measured: Ray is not installed; pip install "upres[ray]"')
        return
    _ray(root / "small", 60 if quick else 400, 300, 400, rounds=1 if quick else 3)
    _ray(root / "large", 12 if quick else 48, 864, 1152, rounds=1 if quick else 3)


def _ray(root: Path, count: int, height: int, width: int, *, rounds: int) -> None:
    make(root / "in", count, height, width)
    model = ["--model", "fast", "--scale", "2", *_QUIET]
    shards = [[str(root / "in"), "-o", str(root / "hand"), *model, "--shard", f"{number}/2"] for number in (1, 2)]
    clustered = [str(root / "in"), "-o", str(root / "ray"), *model, "--engine", "ray"]

    # The machine may be slower for one than for the other, so they take turns, and the processor's time is said too.
    rates: dict[str, list[float]] = {"hand": [], "ray": []}
    used: dict[str, list[dict[str, float]]] = {"hand": [], "ray": []}
    for _ in range(rounds):
        for name, commands in (("hand", shards), ("ray", [clustered])):
            shutil.rmtree(root / name, ignore_errors=True)
            used[name].append(processor_seconds([[*_UPRES, *words] for words in commands]))
            rates[name].append(rate_of(root / name, count))
        assert _made(root / "hand") == _made(root / "ray")
    hand, ray = (statistics.median(rates[name]) for name in ("hand", "ray"))
    megapixels = height * width / 1e6
    print(f"{count} pictures of {megapixels:.2g} megapixels, medians of {rounds}: {hand:.2f} and {ray:.2f} a second")
    spent = {name: statistics.median(sum(each.values()) for each in found) for name, found in used.items()}
    print(
        f"processor time with start and end: {spent['hand']:.1f} s by hand, {spent['ray']:.1f} s by Ray, of which "
        + ", ".join(f"{name} {seconds:.1f}" for name, seconds in used["ray"][-1].items())
    )
    held_against(RAY, ray / hand, f"{megapixels:.2g} megapixels")


def rate_of(folder: Path, count: int) -> float:
    """Return pictures a second, after the first tenth of them: what starting takes is another figure."""
    moments = sorted(path.stat().st_mtime for path in folder.glob("*.jpg"))
    assert len(moments) == count
    later = moments[count // 10 :]
    return (len(later) - 1) / (later[-1] - later[0])


def serve(root: Path, *words: str) -> tuple[int, subprocess.Popen[str]]:
    """Start a store that holds a folder; return its port and its process, which the caller ends."""
    command = [sys.executable, "-m", "benchmarks.store", str(root), *words]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return int(server.stdout.readline()), server


def _cpu(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


PARTS = {"shards": shards, "bucket": bucket, "names": names, "rows": rows, "ray": ray}


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--only", nargs="*", default=[], choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    given = parser.parse_args()
    os.environ["UPRES_NO_CONFIG"] = "1"
    print(machine("obstore", "ray"), flush=True)
    for name in given.only or PARTS:
        print(f"\n### {name}\n", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), given.quick)


if __name__ == "__main__":
    run(main)
