"""Tasks of many pictures: every item once, in order, and all workers end together."""

from __future__ import annotations

import heapq
from pathlib import Path

import numpy as np
import pytest

from upres.image import Picture, write
from upres.upscaling.batch import BatchSettings
from upres.upscaling.batch.engines.portions import Portions
from upres.upscaling.batch.engines.ray import Work, _done
from upres.upscaling.batch.items import Item
from upres.upscaling.sizes import Size


def items(count: int) -> list[Item]:
    return [Item(f"{number}.jpg", f"{number}_x2.jpg") for number in range(count)]


def simulated(count: int, seconds: float, workers: int) -> tuple[list[list[Item]], float]:
    """Return the tasks, and how much of the workers' time was work, if each item takes so many seconds."""
    asked = 2 * workers
    portions = Portions(iter(items(count)))
    tasks: list[list[Item]] = []
    queue: list[list[Item]] = []
    free = [0.0] * workers
    busy: list[tuple[float, int, int]] = []  # when, which worker, how many
    now = 0.0
    while True:
        while len(queue) + len(busy) < asked and (some := portions.next(asked)):
            tasks.append(some)
            queue.append(some)
        idle = [worker for worker in range(workers) if worker not in {each[1] for each in busy}]
        for worker in idle[: len(queue)]:
            some = queue.pop(0)
            heapq.heappush(busy, (now + seconds * len(some), worker, len(some)))
        if not busy:
            break
        now, worker, length = heapq.heappop(busy)
        free[worker] = now
        portions.took(seconds * length, length)
    return tasks, count * seconds / (workers * max(free))


@pytest.mark.parametrize(
    ("count", "seconds", "workers"), [(400, 0.2, 2), (48, 1.7, 2), (401, 0.2, 3), (5000, 0.05, 16)]
)
def test_all_workers_end_together(count: int, seconds: float, workers: int) -> None:
    tasks, share = simulated(count, seconds, workers)
    assert [item for task in tasks for item in task] == items(count)
    assert share > 0.95
    assert max(len(task) for task in tasks) * seconds <= 10


def test_a_task_is_of_ten_seconds_however_many_there_are() -> None:
    tasks, _ = simulated(100_000, 0.1, 4)
    assert max(map(len, tasks)) == 100
    assert sum(len(task) < 100 for task in tasks) < 60


def test_slow_pictures_are_tasks_of_their_own() -> None:
    tasks, _ = simulated(40, 30.0, 2)
    assert [len(task) for task in tasks[:4]] == [2, 2, 2, 2]
    assert all(len(task) == 1 for task in tasks[5:])


def test_nothing_at_all() -> None:
    assert Portions(iter([])).next(4) == []


def test_a_task_tells_how_long_it_took(tmp_path: Path) -> None:
    """The clock was read before anything was done: every task was as large as the one before, twice."""
    for number in range(3):
        write(Picture(np.zeros((40, 60, 3), np.uint8)), tmp_path / f"{number}.png")
    work = Work(str(tmp_path), str(tmp_path / "out"), "bicubic", Size(2), (), BatchSettings())
    (tmp_path / "out").mkdir()
    seconds, outcomes = _done(work, [Item(f"{number}.png", f"{number}_x2.png") for number in range(3)])
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert seconds >= max(outcome.seconds for outcome in outcomes) > 0
