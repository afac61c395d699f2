"""One upscaler in many threads, and in processes of every kind: the same pixels everywhere, or one clear line."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import upres
from tests.forks import ForkServer
from tests.tiny_models import tiny_onnx
from upres.predictors import open_predictor
from upres.predictors.executions import this_machine

THREADS, WORKERS, PICTURES = 8, 2, 4
CALLS = {"onnx": 100, "openvino": 100, "torch": 10}  # what takes PyTorch a second; all: benchmarks.threads


def pictures(count: int) -> list[NDArray[np.float32]]:
    """Small ones, each of another size, so that no two outputs can be taken for one another."""
    generator = np.random.default_rng(0)
    return [generator.random((12 + 2 * index, 15 + index, 3), dtype=np.float32) for index in range(count)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m.onnx"
    path.write_bytes(tiny_onnx(scale=2))
    return path


@pytest.fixture(params=["onnx", "openvino", "torch"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param not in this_machine().backends:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def trained(model: Path, backend: str, tmp_path: Path) -> Path | str:
    """A model that the runtime opens: PyTorch builds networks that upres knows, and no others."""
    return model if backend != "torch" else "fast"


@pytest.mark.slow
def test_eight_threads_share_an_upscaler(trained: Path | str, backend: str) -> None:
    upscaler = upres.load(trained, scale=2, backend=backend, threads=1)
    sources = pictures(THREADS)
    expected = [upscaler(source) for source in sources]

    def wrong(index: int) -> int:
        return sum(not np.array_equal(upscaler(sources[index]), expected[index]) for _ in range(CALLS[backend]))

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(wrong, range(THREADS))) == [0] * THREADS


def test_an_output_is_the_callers_own(trained: Path | str, backend: str) -> None:
    predictor = open_predictor(trained, 2, backend=backend, threads=1)
    first, second = (source[None].transpose(0, 3, 1, 2).copy() for source in (pictures(1)[0], 1 - pictures(1)[0]))
    kept = predictor.predict(first)
    copy = kept.copy()
    predictor.predict(second)
    np.testing.assert_array_equal(kept, copy)


def test_an_upscaler_is_pickled_small_and_opens_again(trained: Path | str, backend: str) -> None:
    upscaler = upres.load(trained, scale=3, backend=backend, threads=1, tile=32, ensemble=True)
    again = pickle.loads(content := pickle.dumps(upscaler))
    assert len(content) < 5_000  # facts and paths; no weights
    assert (again.scale, again.enlargement.tile) == (3, 32)
    assert [each.how for each in again.predictors] == [each.how for each in upscaler.predictors]
    (source,) = pictures(1)
    np.testing.assert_array_equal(again(source), upscaler(source))


def test_reduced_precision_is_pickled_with_its_guard(model: Path) -> None:
    guarded = open_predictor("fast", 2, backend="onnx", precision="int8", threads=1)
    lr = pictures(1)[0][None].transpose(0, 3, 1, 2).copy()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(guarded)).predict(lr), guarded.predict(lr))


# A process of its own: forking the one that runs the tests would fork its threads away.
SHARED = """
import multiprocessing, sys
import numpy as np
import upres
from concurrent.futures import ProcessPoolExecutor

def enlarged(job):
    upscaler, source = job
    return upscaler(source)

def inherited(source):
    return UPSCALER(source)

if __name__ == "__main__":
    model, backend, method, pictures, workers = sys.argv[1:]
    workers = int(workers)
    UPSCALER = upres.load(model, scale=2, backend=backend)
    sources = list(np.load(pictures).values())
    expected = [UPSCALER(source) for source in sources]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method)) as pool:
        made = list(pool.map(enlarged, [(UPSCALER, source) for source in sources], timeout=100))
        if method == "fork":
            made += list(pool.map(inherited, sources, timeout=100))
            expected *= 2
    print(len(made), all(map(np.array_equal, made, expected)))
"""


# Interpreters that load a runtime take long: two, and one of each method, are enough; benchmarks.threads has them all.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "method"),
    [
        ("onnx", "fork"),
        ("torch", "fork"),
        ("onnx", "spawn"),
        ("openvino", "forkserver"),
    ],
    indirect=["backend"],
)
def test_workers_of_every_kind_give_the_same(trained: Path | str, backend: str, method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    script = tmp_path / "shared.py"
    script.write_text(SHARED)
    np.savez(tmp_path / "pictures.npz", *pictures(PICTURES))  # the workers import what they work with, and no test
    done = run(str(script), str(trained), backend, method, str(tmp_path / "pictures.npz"), str(WORKERS))
    assert done.stdout.split() == [str(PICTURES * (2 if method == "fork" else 1)), "True"], done.stderr[-2000:]


REFUSED = """
import multiprocessing, sys
import numpy as np
import upres
from concurrent.futures import ProcessPoolExecutor

def height(seed):
    try:
        return UPSCALER(np.random.default_rng(seed).random((5, 7, 3), np.float32)).shape[0]
    except upres.UpresError as error:
        return str(error)

if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    class Later:
        def __call__(self, source):
            return upres.load(sys.argv[1], scale=2, backend="openvino")(source)
    UPSCALER = Later()
    with ProcessPoolExecutor(1, mp_context=fork) as pool:
        print(pool.submit(height, 1).result(60), flush=True)
    UPSCALER = upres.load(sys.argv[1], scale=2, backend="openvino")
    print(height(2), flush=True)
    with ProcessPoolExecutor(1, mp_context=fork) as pool:
        print(pool.submit(height, 3).result(60))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_openvino_is_refused_in_a_process_forked_too_late(model: Path, tmp_path: Path) -> None:
    """Its scheduler's locks may be held by threads that are missing there: one process in fifty waited for ever."""
    pytest.importorskip("openvino")
    script = tmp_path / "refused.py"
    script.write_text(REFUSED)
    done = run(str(script), str(model))
    before, parent, after = done.stdout.splitlines()
    assert (before, parent) == ("10", "10"), done.stderr[-2000:]
    assert after.startswith("OpenVINO cannot be used here: this process was forked")
    assert 'multiprocessing.get_context("spawn")' in after and "backend onnx" in after


FILES = """
import os, sys, time
import numpy as np
import upres
folder = sys.argv[1]
upres.write(upres.Picture(np.zeros((300, 400, 3), np.uint8)), f"{folder}/a.jpg")
upscaler = upres.load("bicubic", scale=2)
upscaler.file(f"{folder}/a.jpg", f"{folder}/b.jpg")
child = os.fork()
if child == 0:
    began = time.monotonic()
    try:
        upscaler.file(f"{folder}/a.jpg", f"{folder}/c.jpg")
    except upres.UpresError as error:
        print(time.monotonic() - began < 1, error, flush=True)
    sys.exit()
sys.exit(os.waitpid(child, 0)[1])
"""


FIRST = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from upres.image import read_header
together = threading.Barrier(8)
def height(_):
    together.wait()
    return read_header(sys.argv[1]).height
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as pool:
    print(*pool.map(height, range(8)))
"""


def test_the_first_files_of_a_process_are_opened_by_eight_threads(tmp_path: Path, forks: ForkServer) -> None:
    upres.write(upres.Picture(np.zeros((7, 5, 3), np.uint8)), tmp_path / "a.png")
    for _ in range(3):
        done = forks.run(str(tmp_path / "a.png"), code=FIRST)
        assert done.out.split() == ["7"] * 8, done.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_files_in_a_process_forked_too_late_are_refused_at_once(tmp_path: Path) -> None:
    done = run("-c", FILES, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True ")
    assert "this process was forked from one that had done so" in done.stdout
    assert 'multiprocessing.get_context("spawn")' in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_files_by_spawned_workers(tmp_path: Path) -> None:
    """What the message above advises."""
    generator = np.random.default_rng(0)
    upres.write(upres.Picture(generator.integers(0, 255, (60, 80, 3), np.uint8)), tmp_path / "a.png")
    upscaler = upres.load("bicubic", scale=2)
    upscaler.file(tmp_path / "a.png", tmp_path / "here.png")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(upscaler.file, tmp_path / "a.png", tmp_path / "there.png").result(100)
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


PREFETCHED = """
import os, signal, sys
from upres.errors import FailedError
from upres.image.prefetch import Prefetch
signal.alarm(20)
with Prefetch(iter(range(100)), 2) as items:
    child = os.fork()
    if child == 0:
        try:
            list(items)
        except FailedError as error:
            print(error, flush=True)
    else:
        os.waitpid(child, 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_work_ahead_of_a_fork_is_not_waited_for() -> None:
    assert run("-c", PREFETCHED).stdout.startswith("this work was begun before the process was forked")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python, within this folder's and upres' reach; a hang is a failure."""
    folders = [str(Path(__file__).parents[1]), str(Path(upres.__file__).parents[1])]
    start = f"import sys; sys.path[:0] = {folders!r}"
    if arguments[0] == "-c":
        words = ["-c", f"{start}\n{arguments[1]}", *arguments[2:]]
    else:
        script = Path(arguments[0])
        script.write_text(f"{start}\n{script.read_text()}")
        words = list(arguments)
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two cores, by Linux")
def test_models_of_one_thread_each_do_not_share_a_core(tmp_path: Path) -> None:
    """OpenVINO tied the one thread of each model to the first core: two were as slow as one."""
    pytest.importorskip("openvino")
    (tmp_path / "m.onnx").write_bytes(tiny_onnx())
    before = set(Path("/proc/self/task").iterdir())
    predictors = [open_predictor(tmp_path / "m.onnx", backend="openvino", threads=1) for _ in range(2)]
    lr = np.zeros((1, 3, 16, 16), np.float32)
    started = [threading.Thread(target=predictor.predict, args=(lr,)) for predictor in predictors]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    allowed = os.sched_getaffinity(0)
    for task in set(Path("/proc/self/task").iterdir()) - before:
        assert os.sched_getaffinity(int(task.name)) == allowed
