"""Jobs: their address, events, result and end; and services that are stopped."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.running_service import RunningService, alive, running
from upres.image import Picture, write
from upres.service.spool import Spool, clear_abandoned

SLOW = "model=base&denoise=0"
QUICK = "model=bicubic&scale=2"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    arguments = ("--model", "base", "--backend", "onnx", "--keep-seconds", "60", "--max-spool", "8MB")
    with running(tmp_path_factory.mktemp("spool"), *arguments) as service:
        yield service


def picture(folder: Path, side: int) -> bytes:
    write(Picture(np.full((side, side, 3), 99, np.uint8)), folder / "p.png")
    return (folder / "p.png").read_bytes()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return picture(tmp_path_factory.mktemp("p"), 16)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return picture(tmp_path_factory.mktemp("p"), 2400)


def events(body: bytes) -> list[tuple[str, dict]]:
    found = []
    for text in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in text.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_job_from_its_posting_to_its_end(service: RunningService, small: bytes) -> None:
    answer = service.post(small, QUICK, prefer="respond-async")
    assert answer.status == 202 and answer.headers["preference-applied"] == "respond-async"
    address = answer.headers["location"]
    assert answer.members["address"] == address and answer.members["state"] in ("queued", "running")
    told = service.get(f"{address}/events")
    assert told.headers["content-type"].startswith("text/event-stream")
    name, last = events(told.body)[-1]
    assert (name, last["progress"], last["output"]["width"], last["model"]) == ("done", 1.0, 32, "bicubic")
    result = service.get(last["result"])
    assert result.body == service.post(small, QUICK).body and result.headers["upres-output"] == "32x32"
    assert service.get(address).members == last
    assert service.ask("DELETE", address).status == 204
    assert service.get(address).kind == service.get(f"{address}/result").kind == "not-found"
    assert service.files() == []


def test_waiting_for_a_while(service: RunningService, small: bytes, large: bytes) -> None:
    assert service.post(small, QUICK, prefer="respond-async, wait=30").status == 200
    answer = service.post(large, SLOW, prefer="respond-async, wait=1")
    assert answer.status == 202
    early = service.get(f"{answer.headers['location']}/result")
    assert (early.status, early.kind) == (409, "not-ready-yet")
    service.ask("DELETE", answer.headers["location"])


def test_what_cannot_be_enlarged_is_told_by_the_job(service: RunningService) -> None:
    address = service.job(b"nonsense")
    name, last = events(service.get(f"{address}/events").body)[-1]
    assert (name, last["problem"]["status"]) == ("failed", 415)
    result = service.get(f"{address}/result")
    assert (result.status, result.kind) == (415, "not-a-picture")


def test_cancelling_within_a_tile(service: RunningService, small: bytes, large: bytes) -> None:
    address = service.job(large, SLOW)
    service.until(lambda: service.get(address).members["tiles"]["done"] > 0)
    done = service.get(address).members["tiles"]
    assert 0 < done["done"] < done["total"]
    assert service.ask("DELETE", address).status == 204
    service.until(lambda: service.number("running") == 0)
    assert service.files() == [] and service.post(small, QUICK).status == 200
    assert service.number("worker_restarts_total") == 0


def test_several_jobs_in_one_stream(service: RunningService, small: bytes) -> None:
    names = [service.job(small, QUICK).rpartition("/")[2] for _ in range(3)]
    told = events(service.get(f"/v1/events?{'&'.join(f'job={name}' for name in names)}").body)
    assert {last["id"] for name, last in told if name == "done"} == set(names)
    assert service.get("/v1/events").status == 400
    for name in names:
        service.ask("DELETE", f"/v1/jobs/{name}")


@pytest.mark.slow
def test_a_large_result_becomes_a_job_unasked(tmp_path: Path) -> None:
    body = picture(tmp_path, 320)
    (tmp_path / "spool").mkdir()
    with running(tmp_path / "spool", "--model", "bicubic", "--max-made-pixels", "200000000") as service:
        answer = service.post(body, "model=bicubic&scale=32&format=png")
        assert answer.status == 202 and "preference-applied" not in answer.headers
        assert answer.members["output"] == {"width": 10_240, "height": 10_240, "format": "PNG"}
        service.ask("DELETE", answer.headers["location"])


@pytest.mark.slow
def test_results_are_kept_for_the_time_that_was_said(tmp_path: Path, small: bytes) -> None:
    with running(tmp_path, "--model", "bicubic", "--keep-seconds", "2") as service:
        address = service.job(small, QUICK)
        service.until(lambda: service.get(address).members["state"] == "done")
        assert service.files() != []
        service.until(lambda: service.get(address).status == 404)
        assert service.files() == []


def test_the_folder_is_bounded(service: RunningService, tmp_path: Path) -> None:
    """A BMP is as long as its pixels: 3 MB each, and 8 are allowed."""
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    write(Picture(noise), tmp_path / "p.png")
    body = (tmp_path / "p.png").read_bytes()
    addresses = []
    for _ in range(4):
        addresses.append(service.job(body, "model=bicubic&scale=2&format=bmp"))
        service.get(f"{addresses[-1]}/events")  # comes to its end with the job
        assert service.number("spool_bytes") <= 11e6  # one may be made while the others lie there
    assert service.get(addresses[0]).status == 404


def test_what_killed_services_left_is_cleared(tmp_path: Path) -> None:
    held = Spool(tmp_path, 10)
    other = tmp_path / "upres-serve-abandoned"
    other.mkdir()
    (other / ".lock").touch()
    (other / "in-1").touch()
    fresh = tmp_path / "upres-serve-fresh"
    fresh.mkdir()
    assert clear_abandoned(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([held.folder.name, fresh.name])
    assert not held.has_room(11) and held.has_room(10)
    held.close()
    assert not held.folder.exists()


def reading(service: RunningService, address: str) -> socket.socket:
    """Return a connection on which a job's events come."""
    connection = service.socket()
    connection.sendall(f"GET {address}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert b"text/event-stream" in connection.recv(4000)
    return connection


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_promptly_with_an_open_stream_and_work_in_hand(
    tmp_path: Path, large: bytes, name: str
) -> None:
    service = RunningService(tmp_path, "--model", "base", "--backend", "onnx")
    worker = service.worker()
    address = service.job(large, SLOW)
    with reading(service, address) as connection:
        service.until(lambda: service.get(address).members["state"] == "running")
        began = time.monotonic()
        code = service.stop(signal.Signals[name])
        assert time.monotonic() - began < 10  # not the grace time of 30 s, nor the work's minutes
        rest = b""
        while piece := connection.recv(10_000):
            rest += piece
        assert rest.endswith(b"0\r\n\r\n")  # the stream came to its end
    said = ["upres: interrupted\n"] if name == "SIGINT" else []
    assert (code, service.noise) == (130 if name == "SIGINT" else 0, said)
    assert list(tmp_path.iterdir()) == [] and not alive(worker)


@pytest.mark.slow
def test_sigterm_lets_requests_end_and_takes_no_new_ones(tmp_path: Path, tmp_path_factory, small: bytes) -> None:
    body = picture(tmp_path_factory.mktemp("p"), 500)
    service = RunningService(tmp_path, "--model", "base", "--backend", "onnx")
    with service.socket() as first, service.socket() as second:
        head = f"POST /v1/upscale?{SLOW} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        first.sendall(head.encode() + body)
        second.sendall(head.encode() + body[:-1])  # its body has not come to its end
        service.until(lambda: service.number("running") == 1 and service.number("receiving") == 1)
        service.process.send_signal(signal.SIGTERM)
        service.until(lambda: any(line.get("event") == "stopping" for line in service.log))
        second.sendall(body[-1:])
        assert second.recv(20).startswith(b"HTTP/1.1 503")
        assert first.recv(20).startswith(b"HTTP/1.1 200")
        while first.recv(100_000):
            pass
    assert (service.ended(), service.noise, list(tmp_path.iterdir())) == (0, [], [])


@pytest.mark.slow
def test_a_killed_server_takes_its_worker_with_it_and_the_next_one_clears_its_folder(
    tmp_path: Path, large: bytes
) -> None:
    service = RunningService(tmp_path, "--model", "base", "--backend", "onnx")
    worker = service.worker()
    service.job(large, SLOW)
    service.until(lambda: service.number("running") == 1)
    os.kill(service.process.pid, signal.SIGKILL)
    assert service.ended() == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker) and len(list(tmp_path.iterdir())) == 1
    with running(tmp_path, "--model", "bicubic") as other:
        assert len(list(tmp_path.iterdir())) == 1 and other.files() == []
