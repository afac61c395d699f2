"""What asks the command to end, and files that are no files."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import UPRES
from tests.forks import Forked, ForkServer
from tests.small_pictures import failure
from upres.image import Pages, Picture, read, write, write_pages


@pytest.fixture(autouse=True)
def hearing() -> Iterator[None]:
    """Children inherit what is ignored: under nohup SIGHUP would not reach them, as it should not."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_work_and_leaves_nothing(tmp_path: Path, name: str, forks: ForkServer) -> None:
    write(Picture(np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)), tmp_path / "lr.png")
    child = forks.start("lr.png", "-o", "sr.png", "--model", "base", "--backend", "onnx", folder=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:  # until it writes
        time.sleep(0.05)
    number = signal.Signals[name]
    child.send_signal(number)
    assert child.wait() == 128 + number
    assert child.err == ("upres: interrupted\n" if name == "SIGINT" else f"upres: stopped by {name}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]


# A signal that comes between a thread's last look and its wait does not end the wait, no more than one that another
# thread was given, which is what can be had at will. Without a look now and then these would wait for ever.
WAITING = {
    "for a band": """
from upres.image.prefetch import Prefetch
def bands():
    begun.set()
    yield 1
    stop.wait()
for band in Prefetch(bands(), 1):
    pass
""",
    "for a picture": """
from pathlib import Path
from upres.upscaling.batch.engines import local
from upres.upscaling.batch import BatchSettings, find_jobs
from upres.upscaling.loading import Upscalers
def enlarge(*_, cancel, **__):
    begun.set()
    while not (stop.is_set() or cancel.wait(0.05)):
        pass
local.enlarge = enlarge
list(local.run(find_jobs([Path("lr.png")], Path("sr.png"), label="x"), Upscalers("bicubic"), BatchSettings()))
""",
}


@pytest.mark.parametrize("what", WAITING)
def test_ctrl_c_is_seen_while_waiting(tmp_path: Path, what: str, forks: ForkServer) -> None:
    write(Picture(np.zeros((8, 8, 3), np.uint8)), tmp_path / "lr.png")
    code = f"""
import os, signal, threading, time
begun, stop = threading.Event(), threading.Event()
def interrupt():
    begun.wait()
    time.sleep(0.3)  # until the main thread waits
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    stop.wait(20)
    stop.set()
threading.Thread(target=interrupt, daemon=True).start()
try:
    {WAITING[what].strip().replace(chr(10), chr(10) + "    ")}
except KeyboardInterrupt:
    os._exit(9 if stop.is_set() else 7)
"""
    child = forks.run(code=code, folder=tmp_path)
    assert child.returncode == 7, child.err


def animation(path: Path, frames: int) -> None:
    """Write frames of a few colours, none of which repeats another."""
    y, x = np.mgrid[0:200, 0:300]
    pictures = [Picture(((x + y + 5 * n) // 40 % 4 * 80).astype(np.uint8)[..., None]) for n in range(frames)]
    write_pages(Pages(pictures, frames, (50.0,) * frames), path)


def begun(forks: ForkServer, folder: Path, *arguments: str, until: str) -> Forked:
    """Begin the command in a folder, and wait until there is a file like `until` that has something in it."""
    child = forks.start(*arguments, "--model", "bicubic", "--scale", "4", folder=folder)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(map(filled, folder.rglob(until))):
        time.sleep(0.01)
    return child


def filled(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_in_a_folder_with_an_animation_leaves_nothing_half_written(
    tmp_path: Path, name: str, forks: ForkServer
) -> None:
    (tmp_path / "in").mkdir()
    write(Picture(np.zeros((20, 20, 3), np.uint8)), tmp_path / "in/a.png")
    animation(tmp_path / "in/b.png", 20)
    child = begun(
        forks, tmp_path, "in", "-o", "out", "--format", "gif", until="..b_x4.upres-*.upres-*.gif"
    )  # where its frames are kept
    number = signal.Signals[name]
    child.send_signal(number)
    assert child.wait() == 128 + number
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_x4.gif", "upres-manifest.jsonl"]
    assert child.err.splitlines() == [
        "upres: 1 of 2 pictures enlarged, 0 there already, 0 failed; the same command again does the rest",
        f"upres: stopped by {name}",
    ]
    assert child.out.startswith("in/a.png 20×20 → ")


@pytest.mark.slow
def test_what_killed_animations_leave_the_next_run_clears(tmp_path: Path, forks: ForkServer) -> None:
    animation(tmp_path / "lr.png", 20)
    for suffix in ("gif", "png", "tif"):
        child = begun(forks, tmp_path, "lr.png", "-o", f"sr.{suffix}", until=f".*sr.upres-*.{suffix}")
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert any(path.name.startswith(".") and path.suffix == f".{suffix}" for path in tmp_path.iterdir())
    write(Picture(np.zeros((20, 20, 3), np.uint8)), tmp_path / "other.png")
    assert forks.run("other.png", "--model", "bicubic", folder=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.png", "other.png", "other_x4.png"]


@pytest.mark.slow
def test_what_is_counted_after_ctrl_c_is_what_is_on_disk(tmp_path: Path, forks: ForkServer) -> None:
    (tmp_path / "in").mkdir()
    for number in range(60):
        write(Picture(np.full((250, 250, 3), number, np.uint8)), tmp_path / f"in/{number:02d}.png")
    child = begun(forks, tmp_path, "in", "-o", "out", until="out/03_x4.png")
    child.send_signal(signal.SIGINT)
    assert child.wait() == 130
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    said = child.err.splitlines()[0]
    assert said.startswith(f"upres: {len(made)} of 60 pictures enlarged, 0 there already, 0 failed; ")
    rows = [json.loads(line) for line in (tmp_path / "out/upres-manifest.jsonl").read_text().splitlines()]
    assert {Path(row["output"]).name for row in rows} == made


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


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path: Path, forks: ForkServer) -> None:
    good, bad = tmp_path / "a\x1b[31mred.png", tmp_path / "b\x07\r\u202e.png"
    write(Picture(np.zeros((9, 9, 3), np.uint8)), good)
    bad.write_text("no picture")
    done = forks.run(str(good), str(bad), "-o", str(tmp_path / "out"), "--model", "bicubic")
    said = done.out + done.err
    assert "a\\x1b[31mred.png" in said
    assert "b\\x07\\x0d\\x202e.png" in said
    assert not any(character in said for character in "\x1b\x07\r\u202e")
    assert "\x07" not in forks.run(str(bad)).err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="paths that lead to files without a name are Linux's")
def test_a_killed_pipe_leaves_nothing(tmp_path: Path) -> None:
    write(Picture(np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)), tmp_path / "lr.png")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with (tmp_path / "lr.png").open("rb") as picture:
        child = subprocess.Popen(
            [*UPRES, "-", "--model", "bicubic", "--scale", "4", "--format", "png"],
            stdin=picture,
            stdout=subprocess.PIPE,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
    deadline = time.monotonic() + 60
    while sum(nameless(child.pid, scratch).values()) < 9_500_000 and time.monotonic() < deadline:  # the input has 9 MB
        time.sleep(0.01)
    written = nameless(child.pid, scratch)
    child.kill()
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL  # it was at work
    assert len(written) == 2
    assert list(scratch.iterdir()) == []


def nameless(process: int, folder: Path) -> dict[int, int]:
    """Return the sizes, by their numbers, of the files that a process holds open in a folder and that have no name."""
    files = {}
    for path in Path(f"/proc/{process}/fd").iterdir():
        try:
            if str(path.readlink()).startswith(f"{folder}/") and path.stat().st_nlink == 0:
                files[path.stat().st_ino] = path.stat().st_size
        except FileNotFoundError:  # closed meanwhile
            continue
    return files
