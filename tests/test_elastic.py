"""Training by torchrun: a process is lost, all are started again, and the weights come out as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.small_runs import SMALL, equal_runs, rows_of, small_data

SCRIPT = Path(__file__).resolve().parents[1] / "docs/scale/train.sh"

pytestmark = pytest.mark.skipif("UPRES_MACHINES" not in os.environ, reason="takes a minute: make machines")


def torchrun(
    folder: Path, recipe: Path, run: Path, processes: int, meeting: list[str] | None = None
) -> subprocess.Popen[str]:
    """Start torchrun with the script of the documents."""
    (folder / "bin").mkdir(exist_ok=True)
    upres = folder / "bin/upres"
    upres.write_text(f'#!/bin/sh\nexec {sys.executable} -m upres "$@"\n')
    upres.chmod(0o755)
    meeting = meeting or ["--standalone", "--nproc-per-node", str(processes)]
    words = [*meeting, "--max-restarts", "3", "--monitor-interval", "0.1"]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words, "--no-python", "sh", SCRIPT, recipe, run],
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        },
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def agents(folder: Path, recipe: Path, runs: list[Path]) -> list[subprocess.Popen[str]]:
    """Start torchrun on as many machines as there are run folders, with a process each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "1"]
    words = [*meeting, "--nnodes", str(len(runs)), "--nproc-per-node", "1", "--local-addr", "127.0.0.1"]
    return [torchrun(folder, recipe, run, 1, words) for run in runs]


def ranks(parent: int) -> dict[int, int]:
    """Return the trainings that a torchrun started: rank → process."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = dict(pair.partition("=")[::2] for pair in status.read_text(errors="replace").split("\0"))
            words = (status.parent / "cmdline").read_bytes()
            above = int((status.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if above == parent and b"upres\0train" in words and "RANK" in variables:
            found[int(variables["RANK"])] = int(status.parent.name)
    return found


@pytest.mark.parametrize(("processes", "victim"), [(2, 1), (2, 0), (4, 0)])
def test_a_lost_process_costs_nothing_but_time(
    processes: int, victim: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(tmp_path, monkeypatch)
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    values["train"] = {**SMALL["train"], "epochs": 6}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = torchrun(tmp_path, recipe, whole, processes)
    assert done.communicate()[0] is None and done.returncode == 0
    process = torchrun(tmp_path, recipe, broken, processes)
    deadline = time.monotonic() + 240
    while not (broken / "last.ckpt").exists() or len(rows_of(broken)) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(ranks(process.pid)[victim], signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert len(rows_of(broken)) == 6
    equal_runs(whole, broken)


def test_machines_that_share_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a run folder of its own. All stop in the middle; then the one that wrote has another place."""
    data = small_data(tmp_path, monkeypatch)
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}}
    recipe = tmp_path / "small.yaml"
    values["train"] = {**SMALL["train"], "epochs": 20}  # on a busy machine it must not end before it is interrupted
    recipe.write_text(yaml.safe_dump(values))
    whole = tmp_path / "whole"
    done = torchrun(tmp_path, recipe, whole, 2)
    assert done.communicate()[0] is None and done.returncode == 0
    folders = [tmp_path / "a/run", tmp_path / "b/run"]

    def written() -> Path | None:
        return next((run for run in folders if (run / "last.ckpt").exists() and len(rows_of(run)) >= 2), None)

    started = agents(tmp_path, recipe, folders)
    deadline = time.monotonic() + 240
    while (first := written()) is None:
        assert all(process.poll() is None for process in started) and time.monotonic() < deadline
        time.sleep(0.02)
    victim = started[1 - folders.index(first)]
    os.kill(next(iter(ranks(victim.pid).values())), signal.SIGKILL)
    # The machine that did not write lost its process: both start again, and the checkpoint travels.
    errors = [process.communicate(timeout=400)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    assert all((run / "last.ckpt").exists() and (run / "recipe.yaml").exists() for run in folders), errors
    ended = max(folders, key=lambda run: (run / "report.html").exists() and len(rows_of(run)))
    equal_runs(whole, ended)

    # A machine that is new takes what the other has; one word of resuming is enough.
    shutil.rmtree(next(run for run in folders if run != ended))
    again = agents(tmp_path, recipe, folders)
    errors = [process.communicate(timeout=400)[1] for process in again]
    assert [process.returncode for process in again] == [0, 0], errors
    assert all((run / "last.ckpt").read_bytes() for run in folders)
