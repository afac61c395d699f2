"""Pictures by Ray, on a cluster of this machine's own with two workers: the same bytes, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Command, names
from upres.image import Picture, write
from upres.upscaling.batch import BatchSettings
from upres.upscaling.batch.items import Item
from upres.upscaling.sizes import Size

ray = pytest.importorskip("ray", reason="Ray, the extra ray, is not installed")
# Ray leaves sockets and processes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = ("--model", "bicubic", "--scale", "2", "-q")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of two processors and of memory for two workers."""
    root = str(Path(__file__).resolve().parents[1])
    ray.init(
        num_cpus=2,
        _memory=3_000_000_000,
        object_store_memory=80_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join((f"{root}/src", root))}},
    )
    yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(20):
        pixels = rng.integers(0, 256, (20, 30 + number, 3), dtype=np.uint8)
        write(Picture(pixels), tmp_path / f"in/{'deep/' * (number % 2)}{number}.png")
    (tmp_path / "in/bad.png").write_bytes((tmp_path / "in/0.png").read_bytes()[:60])
    return tmp_path


def made(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in names(out) if not name.endswith(".jsonl")}


def test_an_address_where_nothing_is(folder: Path, command: Command) -> None:
    """Before the cluster is there, which would be taken."""
    code, _, err = command("in", "-o", "out", *MODEL, "--engine", "ray", "--address", "127.0.0.1:1")
    assert code == 2 and "no Ray cluster answers there" in err


def test_the_same_bytes_as_this_machine_and_a_row_for_a_bad_file(cluster: None, folder: Path, command: Command) -> None:
    assert command("in", "-o", "one", *MODEL)[0] == 1
    code, _, err = command("in", "-o", "out", *MODEL, "--engine", "ray")
    assert code == 1 and "in/bad.png: the PNG data is damaged or cut short" in err
    assert made(folder / "out") == made(folder / "one")
    rows = [json.loads(line) for line in (folder / "out/upres-manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 21 and sum(row["error_class"] == "PictureError" for row in rows) == 1
    code, _, err = command("in", "-o", "out", "--model", "bicubic", "--scale", "2", "--engine", "ray")
    assert "0 of 21 pictures enlarged, 20 there already, 1 failed" in err


def test_a_worker_that_is_killed_costs_nothing_but_time(cluster: None, folder: Path, command: Command) -> None:
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (700, 700, 3), dtype=np.uint8)
        write(Picture(pixels), folder / f"in/large{number}.png")
    arguments = ("in", "--exclude", "bad.png", *MODEL)
    assert command(*arguments, "-o", "one")[0] == 0
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            for status in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if b"ray::_done" in status.read_bytes() and list(folder.glob("out/*.png")):
                        os.kill(int(status.parent.name), signal.SIGKILL)
                        killed.append(1)
                        return
                except OSError:
                    continue
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert command(*arguments, "-o", "out", "--engine", "ray")[0] == 0
    finally:
        killed.append(0)
        thread.join()
    assert killed[0] == 1
    assert made(folder / "out") == made(folder / "one")


def test_what_goes_wrong_with_all_of_a_task_is_said_of_each(cluster: None, folder: Path) -> None:
    from upres.upscaling.batch.engines.ray import Work, run

    work = Work(str(folder / "in"), str(folder / "out"), "missing.onnx", Size(2), (), BatchSettings())
    outcomes = list(run([Item("0.png", "0.png"), Item("2.png", "2.png")], work))
    assert {outcome.job.name for outcome in outcomes} == {"0.png", "2.png"}
    assert all("missing.onnx" in str(outcome.error) for outcome in outcomes)
