"""What asks the command to end, and files that are no files."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.commands import UPRES
from tests.small_pictures import failure
from upres.image import Picture, read, write


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_work_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    write(Picture(np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)), tmp_path / "lr.png")
    command = [*UPRES, str(tmp_path / "lr.png"), "-o", str(tmp_path / "sr.png"), "--model", "base", "--backend", "onnx"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:  # until it writes
        time.sleep(0.05)
    number = signal.Signals[name]
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert said == ("upres: interrupted\n" if name == "SIGINT" else f"upres: stopped by {name}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]


def test_nohup_keeps_its_way(tmp_path: Path) -> None:
    write(Picture(np.zeros((300, 300, 3), np.uint8)), tmp_path / "lr.png")
    command = ["nohup", *UPRES, str(tmp_path / "lr.png"), "-o", str(tmp_path / "sr.png"), "--model", "bicubic"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    child.send_signal(signal.SIGHUP)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert (tmp_path / "sr.png").exists()


def test_a_pipe_or_device_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "is a pipe or a device" in failure(read, tmp_path / "pipe.png")
    assert "is a pipe or a device" in failure(read, "/dev/null")
    done = subprocess.run([*UPRES, str(tmp_path / "pipe.png")], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "send it through standard input" in done.stderr


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    good, bad = tmp_path / "a\x1b[31mred.png", tmp_path / "b\x07\r\u202e.png"
    write(Picture(np.zeros((9, 9, 3), np.uint8)), good)
    bad.write_text("no picture")
    command = [*UPRES, str(good), str(bad), "-o", str(tmp_path / "out"), "--model", "bicubic"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert "a\\x1b[31mred.png" in said
    assert "b\\x07\\x0d\\x202e.png" in said
    assert not any(character in said for character in "\x1b\x07\r\u202e")
    alone = subprocess.run([*UPRES, str(bad)], check=False, capture_output=True, timeout=60)
    assert b"\x07" not in alone.stderr
