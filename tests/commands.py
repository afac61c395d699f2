"""The command in this process and as a process of its own, and disks that are full."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from upres.cli.main import main

# What a shell starts in the background is told to ignore Ctrl-C, and so would its children be.
_HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
UPRES = [sys.executable, "-c", f"{_HEARD}; from upres.cli.main import main; main()"]

_SECONDS = re.compile(r"\d+\.\d\d s")


class Command:
    """Runs the command in this process: exit code, standard output, standard error; every time is `T s`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, _SECONDS.sub("T s", out), _SECONDS.sub("T s", err)

    def refused(self, folder: Path, *arguments: str) -> str:
        """Run a command that must be refused and change nothing in a folder, and return its line."""
        before = everything(folder)
        code, out, err = self(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("upres: ")
        assert err.count("\n") == 1
        assert everything(folder) == before
        return err.removeprefix("upres: ").rstrip("\n")


def everything(folder: Path) -> list[str]:
    """Return what lies in a folder and below, folders too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def names(folder: Path) -> list[str]:
    """Return the files in a folder and below."""
    return [name for name in everything(folder) if (folder / name).is_file()]


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, in this folder."""
    return subprocess.run(
        [*UPRES, *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


@contextlib.contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """Let no file of this process and its children grow beyond so many bytes, as on a disk that is full.

    Python ignores the signal that goes with it, so that writing fails: `File too large`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def without(*modules: str, code: str) -> str:
    """Run code in a process in which these modules are not installed, and return what it prints."""
    blocked = "; ".join(f"sys.modules[{module!r}] = None" for module in modules)
    call = [sys.executable, "-c", f"import sys; {blocked}\n{code}"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def loaded_by(code: str) -> set[str]:
    """Run code in a process of its own, and return the top names of all modules that it imports."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
