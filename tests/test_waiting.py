"""Several processes, of which one does not come on: each says where it waits, and for whom."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from upres.train.waiting import Waiting, _words

# A process of a training, as far as waiting goes: it tells its steps, and meets the others in each.
SCRIPT = """
import sys, time, torch
from torch import distributed as dist
from tests.test_waiting import steps
dist.init_process_group("gloo")
rank = dist.get_rank()
def meet(step):
    if rank == 1 and step == 3:
        print("stuck", flush=True)
        time.sleep(float(sys.argv[1]))
    dist.all_reduce(torch.ones(1))
steps(meet, after=0.4)
dist.destroy_process_group()
"""


def steps(meet: Any, *, after: float) -> None:
    from upres.train.module import Training

    module = Training.__new__(Training)
    waiting = Waiting(after)
    waiting.on_train_start(SimpleNamespace(), module)
    for step in range(6):
        waiting._now(f"step {step}")
        meet(step)
    waiting.teardown(SimpleNamespace(), module, "fit")


def processes(seconds: float) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(seconds)],
            env={**shared, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


@pytest.mark.slow
def test_who_waits_says_for_whom() -> None:
    first, second = processes(4.0)
    _, err = first.communicate(timeout=120)
    _, other = second.communicate(timeout=120)
    assert first.returncode == second.returncode == 0, err + other
    said = [line for line in err.splitlines() if line.startswith("process 0 has been at step 3 for")]
    # Both are at step 3, and none is lost: after 0.4 s, 0.8 s, 1.6 s and 3.2 s.
    assert 2 <= len(said) <= 4 and all(line.endswith("as have the others") for line in said), err


@pytest.mark.slow
def test_a_process_that_stands_still_is_named() -> None:
    first, second = processes(60.0)
    assert second.stdout.readline() == "stuck\n"
    time.sleep(1.0)
    second.send_signal(signal.SIGSTOP)
    try:
        assert any(
            "process 1 was at step 3, and has not been heard of for" in line for line in iter(first.stderr.readline, "")
        )
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def test_words() -> None:
    places = {1: "", 2: "is at the pause after step 40", 3: "has not begun"}
    assert _words(0, "step 41", 75, places) == (
        "process 0 has been at step 41 for 1 min: process 2 is at the pause after step 40; process 3 has not begun"
    )


def test_one_process_says_nothing() -> None:
    waiting = Waiting(0.01)
    steps(lambda step: None, after=0.01)
    assert waiting._thread is None
