"""The service under load, and under what strangers do to it, held against its marks.

python -m benchmarks.serve
python -m benchmarks.serve --quick
python -m benchmarks.serve --only start latency

Each part starts a server process of its own, and prints how much it did. The page needs Chromium.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.marks import Mark, held_against
from tests import bad_pictures
from tests.chromium import Chromium
from tests.running_service import RunningService, alive, processes
from upres.image import Picture, write
from upres.predictors import Predictor
from upres.upscaling.loading import Upscalers
from upres.upscaling.pipeline import Settings, enlarge

START = Mark("process start to ready, median", "<", 1.0, "s")
LATENCY = Mark("256² JPEG, one client: service − library, median", "≤", 5.0, "ms")
THROUGHPUT = Mark("64 clients ÷ the predictor alone, median", "≥", 0.95)
GROWTH = Mark("memory after all ÷ after 100", "≤", 1.1)
PARALLEL = Mark("answers that are neither 200 nor 429", "≤", 0)
BELOW = Mark("peak memory ÷ the limit", "≤", 1.0)
LEFT = Mark("files left, next requests refused, and exit codes that are not 0", "≤", 0)
PAINT = Mark("the page's first paint, median", "<", 500.0, "ms")
WEIGHT = Mark("what the page loads", "≤", 60.0, "KB")
HOSTS = Mark("hosts that the page asks", "≤", 1)
HOSTILE = Mark("hostile files that are not answered by 4xx within a second", "≤", 0)

_PATIENCE_SECONDS = 3000
# What is free is given back when nothing was done for half a second.
_SETTLED_SECONDS = 2
# Of a small picture, before the service runs and again after it.
_ALONE_RUNS = 10


@dataclass(frozen=True)
class Counts:
    """How much each part does."""

    starts: int = 10
    latencies: int = 100
    small: int = 192
    large: int = 8
    rounds: int = 3
    requests: int = 10_000
    parallel: int = 400
    queue: int = 64
    uploads: int = 1_000
    jobs: int = 200
    signals: int = 20


QUICK = Counts(
    starts=3,
    latencies=15,
    small=48,
    large=1,
    rounds=1,
    requests=600,
    parallel=400,
    queue=6,
    uploads=200,
    jobs=20,
    signals=3,
)


@contextlib.contextmanager
def service(*arguments: str) -> Iterator[RunningService]:
    """Run a service, and end it."""
    with tempfile.TemporaryDirectory() as name:
        running = RunningService(Path(name), "--backend", "onnx", *arguments)
        running.patience = _PATIENCE_SECONDS
        try:
            yield running
        finally:
            running.stop()


def coded(height: int, width: int, seed: int = 0, suffix: str = ".jpg") -> bytes:
    """Return a photograph-like picture as a file."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"p{suffix}"
        write(Picture(picture(height, width, seed)), path, quality=90)
        return path.read_bytes()


def memory(running: RunningService) -> int:
    """Return the bytes that the server and its workers have, what they share counted once."""
    numbers = [running.process.pid, *(number for number, parent in processes() if parent == running.process.pid)]
    total = 0
    for number in numbers:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii").splitlines():
                total += 1024 * int(line.split()[1]) if line.startswith("Pss:") else 0
    return total


def start(counts: Counts) -> None:
    """From process start to ready."""
    taken = []
    for _ in range(counts.starts):
        with tempfile.TemporaryDirectory() as name:
            began = time.perf_counter()
            running = RunningService(Path(name), "--backend", "onnx")
            taken.append(time.perf_counter() - began)
            running.stop()
    print(f"{counts.starts} starts: {', '.join(f'{seconds:.2f}' for seconds in taken)} s")
    held_against(START, statistics.median(taken))


def latency(counts: Counts) -> None:
    """One client against the library, in turn."""
    body = coded(256, 256)
    upscalers = Upscalers("base", backend="onnx")
    library, ours = [], []
    with service() as running, tempfile.TemporaryDirectory() as name, contextlib.closing(running.connection()) as asked:
        source, target = Path(name) / "p.jpg", Path(name) / "q.jpg"
        for number in range(counts.latencies + 3):
            began = time.perf_counter()
            source.write_bytes(body)
            opened = Settings().opened(source)
            upscaler = upscalers.for_picture(*opened.shape.size, upscalers.position_for(opened).position)
            enlarge(opened, Settings().sink(target), upscaler.enlargement)
            made = target.read_bytes()
            between = time.perf_counter()
            asked.request("POST", "/v1/upscale", body)
            answered = asked.getresponse().read()
            ended = time.perf_counter()
            assert answered == made
            if number >= 3:  # models are loaded, and the file system knows the folder
                library.append(between - began)
                ours.append(ended - between)
    medians = [1000 * statistics.median(seconds) for seconds in (library, ours)]
    print(f"{counts.latencies} in turn: library {medians[0]:.1f} ms, service {medians[1]:.1f} ms")
    added = [1000 * (b - a) for a, b in zip(library, ours, strict=True)]
    print(f"the quickest of each: {1000 * (min(ours) - min(library)):+.1f} ms")
    held_against(LATENCY, statistics.median(added))


class Kept(Predictor):
    """Keeps what a predictor is given, and gives what it makes."""

    def __init__(self, inner: Predictor) -> None:
        self.facts, self.how = inner.facts, inner.how
        self.inner = inner
        self.inputs: list[NDArray[np.float32]] = []

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        self.inputs.append(lr)
        return self.inner.predict(lr)


def prepared(body: bytes, upscalers: Upscalers) -> Kept:
    """Return the predictor of a picture with all its inputs."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "p.jpg"
        path.write_bytes(body)
        opened = Settings().opened(path)
        enlargement = upscalers.for_picture(*opened.shape.size, upscalers.position_for(opened).position).enlargement
        before = enlargement.predictors
        kept = Kept(before[0])
        enlargement.predictors = (kept,)
        enlarge(opened, Settings().sink(path.with_name("q.png")), enlargement)  # and prepares the runtime for its sizes
        enlargement.predictors = before
    return kept


def alone(pictures: Sequence[Kept], runs: int) -> list[float]:
    """Return the seconds in which each picture is predicted: arrays in, arrays out."""
    taken = []
    for kept in pictures:
        began = time.perf_counter()
        for _ in range(runs if len(kept.inputs) == 1 else 1):
            for lr in kept.inputs:
                kept.inner.predict(lr)
        taken.append((time.perf_counter() - began) / (runs if len(kept.inputs) == 1 else 1))
    return taken


def throughput(counts: Counts) -> None:
    """64 clients at once, small pictures and large ones; before and after it the same arrays by the predictor alone."""
    bodies = [*(coded(256, 256, seed) for seed in range(4)), coded(1500, 2000)]
    jobs = [*(bodies[number % 4] for number in range(counts.small)), *([bodies[-1]] * counts.large)]
    random.Random(0).shuffle(jobs)
    upscalers = Upscalers("base", backend="onnx")
    pictures = [prepared(body, upscalers) for body in bodies]
    shares = []
    for _ in range(counts.rounds):
        own, began = time.process_time(), time.perf_counter()
        before = alone(pictures, _ALONE_RUNS)
        cores = (time.process_time() - own) / (time.perf_counter() - began)
        with service("--max-queue", "200", "--max-seconds", "3000") as running:
            for body in bodies[:4]:
                running.post(body)
            started = cpu_seconds(running)
            began = time.perf_counter()
            with ThreadPoolExecutor(64) as clients:
                codes = Counter(clients.map(lambda body: post(running, body), jobs))
            wall = time.perf_counter() - began
            used = {name: seconds - started[name] for name, seconds in cpu_seconds(running).items()}
        after = alone(pictures, _ALONE_RUNS)
        each = [(a + b) / 2 for a, b in zip(before, after, strict=True)]
        needed = sum(each[bodies.index(body)] for body in jobs)
        shares.append(needed / wall if set(codes) == {200} else 0.0)
        said = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in used.items())
        print(
            f"{counts.small} pictures of 256², {counts.large} of 3 MP, 64 clients: {dict(codes)}, {wall:.1f} s, "
            f"{sum(codes.values()) / wall:.1f} a second; the predictor alone needs {needed:.1f} s: {shares[-1]:.3f}"
        )
        print(
            f"processor time: {said}; the predictor alone: {cores:.2f} cores; a picture of 256² "
            f"{1000 * statistics.mean(each[:4]):.0f} ms, one of 3 MP {each[-1]:.2f} s"
        )
    held_against(THROUGHPUT, statistics.median(shares))


def cpu_seconds(running: RunningService) -> dict[str, float]:
    """Return the seconds of processor time that the server and its worker have had."""
    found = {}
    for name, number in (("server", running.process.pid), ("worker", running.worker())):
        fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def post(running: RunningService, body: bytes, query: str = "") -> int:
    """Return the status of an answer; 0 where there was none."""
    try:
        return running.post(body, query).status
    except (OSError, http.client.HTTPException):
        return 0


def growth(counts: Counts) -> None:
    """Memory of all processes, after a hundred requests and after all of them; four clients."""
    generator = random.Random(0)
    bodies = [
        coded(
            generator.randrange(16, 96),
            generator.randrange(16, 96),
            seed,
            generator.choice([".jpg", ".png", ".webp"]),
        )
        for seed in range(40)
    ]
    queries = ("model=fast&scale=2", "model=fast", "model=base", "model=base&scale=3")
    asked = [(generator.choice(bodies), queries[number % 4]) for number in range(counts.requests)]
    sizes = []
    with service() as running, ThreadPoolExecutor(4) as clients:
        for some in (asked[:100], asked[100:]):
            codes = Counter(clients.map(lambda one: post(running, *one), some))
            time.sleep(_SETTLED_SECONDS)
            sizes.append(memory(running))
        restarts = running.number("worker_restarts_total")
    first, last = sizes
    print(
        f"{counts.requests} requests, {dict(codes)} after the first 100, {restarts:g} workers replaced: "
        f"{first / 1e6:.0f} MB, then {last / 1e6:.0f} MB"
    )
    held_against(GROWTH, last / first)


def parallel(counts: Counts) -> None:
    """Many large pictures at once: only some find a place, and the memory stays below its limit."""
    body = coded(3000, 4000)
    limit = 1_500_000_000
    with service("--max-queue", str(counts.queue), "--max-seconds", "3000", "--max-memory", "1500MB") as running:
        peak, done = 0, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.5):
                peak = max(peak, memory(running))

        watching = threading.Thread(target=watch)
        watching.start()
        began = time.perf_counter()
        with ThreadPoolExecutor(counts.parallel) as clients:
            codes = Counter(clients.map(lambda _: post(running, body, "model=bicubic&scale=2"), range(counts.parallel)))
        seconds = time.perf_counter() - began
        done.set()
        watching.join()
        restarts = running.number("worker_restarts_total")
        after = running.get("/readyz").status
    print(
        f"{counts.parallel} requests of 12 MP at once, a queue of {counts.queue}: {dict(codes)} in {seconds:.0f} s, "
        f"{restarts:g} workers replaced, ready afterwards: {after == 200}"
    )
    held_against(PARALLEL, sum(count for status, count in codes.items() if status not in (200, 429)))
    print(f"peak {peak / 1e6:.0f} MB of {limit / 1e6:.0f} MB")
    held_against(BELOW, peak / limit)


def gone(counts: Counts) -> None:
    """Uploads that are broken off, jobs that are cancelled, services that are stopped in the middle."""
    wrong = 0
    small, large = coded(64, 64), coded(1500, 2000)
    generator = random.Random(0)
    with service() as running:
        for _ in range(counts.uploads):
            with running.socket() as connection:
                head = f"POST /v1/upscale HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(large)}\r\n\r\n"
                connection.sendall(head.encode() + large[: generator.randrange(len(large))])
        running.until(lambda: running.number("receiving") == running.number("running") == 0)
        wrong += len(running.files()) + (post(running, small) != 200)
        print(f"{counts.uploads} uploads broken off: {running.files()} left")
        for _ in range(counts.jobs):
            address = running.job(large)
            time.sleep(generator.random() / 5)
            wrong += running.ask("DELETE", address).status != 204
        running.until(lambda: running.number("running") == running.number("queue_length") == 0)
        wrong += len(running.files()) + (post(running, small) != 200)
        print(f"{counts.jobs} jobs cancelled: {running.files()} left")
    for _ in range(counts.signals):
        with tempfile.TemporaryDirectory() as name:
            stopped = RunningService(Path(name), "--backend", "onnx", "--grace-seconds", "1")
            worker = stopped.worker()
            stopped.job(large)
            with socket.create_connection(("127.0.0.1", stopped.port)) as connection:
                head = f"POST /v1/upscale HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(large)}\r\n\r\n"
                connection.sendall(head.encode() + large)
                time.sleep(generator.random())
                code = stopped.stop(signal.SIGTERM)
            wrong += (code != 0) + len(list(Path(name).iterdir())) + alive(worker) + len(stopped.noise)
    print(f"{counts.signals} times SIGTERM with work in hand")
    held_against(LEFT, wrong)


def hostile(counts: Counts) -> None:
    """All that is no picture, or not all of one."""
    wrong, slowest, posted = 0, 0.0, 0
    with tempfile.TemporaryDirectory() as name, service() as running:
        for bad in sorted(bad_pictures.bad(Path(name))):
            path = Path(name) / bad
            if bad.startswith(("nnn", "locked")) or not path.is_file():  # what is wrong is its name
                continue
            began = time.perf_counter()
            status = post(running, path.read_bytes())
            seconds = time.perf_counter() - began
            posted, slowest = posted + 1, max(slowest, seconds)
            wrong += not 400 <= status < 500 or seconds > 1
        restarts = running.number("worker_restarts_total")
        wrong += running.get("/readyz").status != 200
    print(f"{posted} files, the slowest {slowest:.2f} s, {restarts:g} workers replaced")
    held_against(HOSTILE, wrong)


def page(counts: Counts) -> None:
    """The page in a browser that has never seen it."""
    times, addresses, weight = [], set(), 0
    with service() as running:
        for _ in range(counts.starts):
            browser = Chromium()
            browser.open(f"http://127.0.0.1:{running.port}/")
            browser.until("models.length > 0 && performance.getEntriesByName('first-contentful-paint').length > 0")
            times.append(browser.run("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            addresses |= set(browser.requests)
            kinds = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            weight = browser.run(f"{kinds}.reduce((sum, entry) => sum + entry.transferSize, 0)")
            browser.close()
    print(f"first contentful paint after {', '.join(f'{time:.0f}' for time in times)} ms; {len(addresses)} addresses")
    held_against(PAINT, statistics.median(times))
    held_against(WEIGHT, weight / 1000)
    held_against(HOSTS, len({urlsplit(address).netloc for address in addresses}))


PARTS: Mapping[str, Callable[[Counts], None]] = {
    "start": start,
    "latency": latency,
    "throughput": throughput,
    "growth": growth,
    "parallel": parallel,
    "gone": gone,
    "hostile": hostile,
    "page": page,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer of everything; numbers are rough")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), help="these parts")
    given = parser.parse_args(arguments)
    print(machine("onnxruntime", "starlette", "uvicorn"))
    for name in given.only or PARTS:
        print(f"\n### {name}\n", flush=True)
        PARTS[name](QUICK if given.quick else Counts())


if __name__ == "__main__":
    run(main)
