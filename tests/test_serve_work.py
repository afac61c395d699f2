"""The queue, the worker and its crashes, clients that go away, and time that is over."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.running_service import RunningService, running
from upres.errors import CancelledError
from upres.image import Picture, write
from upres.service.dispatch import Dispatch
from upres.service.messages import IN_HAND
from upres.service.metrics import Metrics
from upres.service.parameters import Asked
from upres.service.process import Mailbox, WorkerProcess
from upres.service.queue import FairQueue
from upres.service.settings import ServeSettings
from upres.service.sharing import Share
from upres.service.spool import Spool
from upres.service.work import State, Work

SLOW = "model=base&denoise=0"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    arguments = ("--model", "base", "--backend", "onnx", "--max-queue", "4", "--max-seconds", "100")
    with running(tmp_path_factory.mktemp("spool"), *arguments) as service:
        yield service


def picture(folder: Path, height: int, width: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    write(Picture(np.ascontiguousarray(pixels.repeat(8, 0).repeat(8, 1)[:height, :width])), folder / "p.png")
    return (folder / "p.png").read_bytes()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return picture(tmp_path_factory.mktemp("p"), 16, 16)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A picture of many tiles: nobody waits for all of it here."""
    return picture(tmp_path_factory.mktemp("p"), 2500, 2500)


@contextlib.contextmanager
def begun(service: RunningService, body: bytes) -> Iterator[object]:
    """Post a picture by a plain socket, and wait until it is worked on."""
    with service.socket() as connection:
        head = f"POST /v1/upscale?{SLOW} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        service.until(lambda: service.number("running") > 0)
        yield connection


def idle(service: RunningService) -> bool:
    return service.number("running") == service.number("queue_length") == service.number("receiving") == 0


def test_clients_take_turns() -> None:
    queue = FairQueue[str]()
    for client, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("c", "c2")):
        queue.add(client, item)
    queue.add("c", "c0", first=True)
    assert queue.remove("a", "a2") and not queue.remove("a", "a2") and not queue.remove("d", "x")
    assert queue.peek() == "a1" and len(queue) == 6
    assert [queue.take() for _ in range(len(queue))] == ["a1", "b1", "c0", "a3", "c1", "c2"]
    with pytest.raises(StopIteration):
        queue.take()


def test_parts_of_a_share_stay_below_the_whole() -> None:
    """But for one that alone is more; and who waits longest is first, or leaves when it is not wanted."""
    share, order = Share(100), []
    generator = random.Random(0)

    turn = Share(1)  # as while a picture is looked at: one at a time may ask for more

    def in_turn(number: int) -> int:
        place = turn.take(1)
        order.append(number)
        part = share.take(generator.randrange(1, 60))
        part.become(amount := generator.randrange(60, 130))
        place.give_back()
        seen = share.taken
        part.give_back()
        part.give_back()
        return 0 if amount > 100 and seen == amount else seen

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(in_turn, range(200))) <= 100
    assert len(order) == 200 and share.taken == turn.taken == 0

    first = share.take(70)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(share.take, 80)
        while not share.waiting:
            time.sleep(0.001)
        with pytest.raises(CancelledError):  # there would be room for it, but it is not its turn
            share.take(10, refuse)
        assert not large.done()
        first.give_back()
        large.result().give_back()


def refuse() -> None:
    raise CancelledError("not wanted")


def test_pictures_side_by_side_give_the_bytes_that_they_give_alone(service: RunningService, tmp_path: Path) -> None:
    """On fewer threads each; a picture of two tiles is among them."""
    bodies = [picture(tmp_path, height, width) for height, width in ((40, 64), (300, 24), (65, 33), (18, 90))]
    alone = [service.post(body, SLOW).body for body in bodies]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda body: service.post(body, SLOW).body, bodies * 2))
    assert together == alone * 2


def test_a_client_that_goes_away_cancels_its_work_within_a_tile(
    service: RunningService, small: bytes, large: bytes
) -> None:
    made = service.number("work_seconds_count")
    with begun(service, large):
        pass
    service.until(lambda: idle(service))
    assert service.number("work_seconds_count") == made  # it was not done to its end
    assert service.files() == [] and service.post(small, SLOW).status == 200
    assert service.number("worker_restarts_total") == 0


def test_one_that_goes_away_while_it_waits(service: RunningService, small: bytes, large: bytes) -> None:
    with begun(service, large), contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(begun(service, large)) for _ in range(3)]
        service.until(lambda: service.number("running") + service.number("queue_length") == 4)
        assert waiting
    service.until(lambda: idle(service))
    assert service.files() == [] and service.post(small, SLOW).status == 200


def test_a_full_queue_says_when_to_come_again(service: RunningService, small: bytes, large: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(IN_HAND + 4):  # four that wait
            stack.enter_context(begun(service, large))
        service.until(lambda: service.number("queue_length") == 4)
        answer = service.post(small, SLOW)
        assert (answer.status, answer.kind, answer.members["limit"]) == (429, "queue-full", 4)
        assert int(answer.headers["retry-after"]) >= 1
        ready = service.get("/readyz")
        assert (ready.status, ready.members["detail"]) == (503, "the queue is full")
        assert service.get("/healthz").status == 200
    service.until(lambda: idle(service))
    assert service.get("/readyz").status == 200


@pytest.mark.slow
def test_a_crash_is_one_500_and_a_new_worker(service: RunningService, small: bytes, large: bytes) -> None:
    restarts = service.number("worker_restarts_total")
    before = service.worker()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, large, SLOW)
        service.until(lambda: any("-out" in name for name in service.files()))  # it is being written
        os.kill(before, signal.SIGSEGV)
        crashed = answer.result()
    assert (crashed.status, crashed.kind) == (500, "crashed")
    assert "the process that worked on it ended by signal 11" in crashed.members["detail"]
    assert service.post(small, SLOW).status == 200
    assert service.worker() != before and service.number("worker_restarts_total") == restarts + 1
    assert service.files() == []


def test_a_crash_takes_no_others_with_it(service: RunningService, small: bytes, large: bytes) -> None:
    """Which of those in hand it was, nobody knows: each is done again alone."""
    with ThreadPoolExecutor(2) as pool:
        with begun(service, large):
            others = [pool.submit(service.post, small, SLOW) for _ in range(2)]
            service.until(lambda: service.number("running") == 3)
            before = service.worker()
            os.kill(before, signal.SIGKILL)
            service.until(lambda: service.number("running") == 1 and service.worker() != before)
        assert [other.result().status for other in others] == [200, 200]
    service.until(lambda: idle(service))
    assert service.files() == []


def test_a_crash_while_it_is_idle(service: RunningService, small: bytes) -> None:
    before = service.worker()
    os.kill(before, signal.SIGKILL)
    service.until(lambda: service.get("/readyz").status == 200)
    assert service.post(small, SLOW).status == 200


def test_work_that_takes_too_long(tmp_path: Path, small: bytes, large: bytes) -> None:
    with running(tmp_path, "--model", "base", "--backend", "onnx", "--max-seconds", "1") as service:
        answer = service.post(large, SLOW)
        assert (answer.status, answer.kind, answer.members["limit"]) == (504, "too-slow", 1)
        service.until(lambda: idle(service))
        assert service.files() == []


def test_uploads_that_are_broken_off_leave_nothing(service: RunningService, small: bytes) -> None:
    for number in range(30):
        with service.socket() as connection:
            head = f"POST /v1/upscale?{SLOW} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
            connection.sendall(head.encode() + bytes(number * 100))
    service.until(lambda: idle(service))
    assert service.files() == [] and service.post(small, SLOW).status == 200
    assert service.number("spool_bytes") == 0


def test_a_worker_that_has_grown_is_replaced(tmp_path: Path, small: bytes) -> None:
    settings = ServeSettings(model="bicubic", renew_bytes=1)
    mailbox = Mailbox()
    first = WorkerProcess(settings.for_worker, mailbox)
    spool = Spool(tmp_path, settings.max_spool)
    ended: list[Work] = []

    async def two_pictures() -> list[int]:
        dispatch = Dispatch(settings, spool, Metrics(), ended.append, mailbox, first)
        dispatch.attach()
        seen = []
        for number in range(2):
            source = spool.folder / f"in-{number}"
            source.write_bytes(small)
            work = dispatch.begin(source, "somebody", "", Asked(scale=2.0), 60)
            await work.settled()
            assert work.state is State.DONE and not source.exists()
            seen.append(dispatch.memory)
        dispatch.close()
        return seen

    assert all(asyncio.run(two_pictures())) and len(ended) == 2
    first.wait()
    assert first.code == 0  # it left when the next had come, and was not ended by force
    spool.close()


def test_a_change_is_not_missed_by_who_begins_to_wait_for_it_only_after_it(tmp_path: Path) -> None:
    """A stream of events that missed a job's end said so 15 seconds later."""
    work = Work(1, "somebody", tmp_path, "", Asked(), 1)

    async def told() -> None:
        change = work.change()
        work.tell()
        await asyncio.wait_for(change, 5)

    asyncio.run(told())
