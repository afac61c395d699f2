"""Commands and scripts as processes of their own without the seconds in which each would import PyTorch and Lightning.

The process that runs the tests imports them, and is forked before it does anything with them; its child becomes, by
fork again, each that is asked of it.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO


def import_everything() -> None:
    """Import what a training needs, the command too."""
    for name in ("upres.cli.main", "upres.recipes", "upres.train"):
        importlib.import_module(name)


def _serve(questions: TextIO, answers: TextIO) -> None:
    """Start and await processes as they are asked for, until nobody asks any more."""
    for line in questions:
        question = json.loads(line)
        if "arguments" in question:
            child = os.fork()
            if child == 0:
                _become(question)
            print(child, file=answers, flush=True)
        else:
            found, status = os.waitpid(question["child"], os.WNOHANG if question["now"] else 0)
            print(json.dumps(os.waitstatus_to_exitcode(status) if found else None), file=answers, flush=True)


def _become(question: dict[str, Any]) -> NoReturn:
    """Be the command, or the script, that is asked for, and end as it does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    for number, name in ((0, question["stdin"]), (1, question["out"]), (2, question["err"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))
    faulthandler.enable()  # Lightning's signal handlers have replaced it, where the parent had it
    code: int | str | None = 1
    try:
        os.environ.update(question["environment"])
        os.chdir(question["folder"])
        sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if question["code"] is None:
            from upres import __main__ as command
            from upres.cli.main import main

            sys.argv = [str(command.__file__), *question["arguments"]]
            sys.modules["__main__"] = command  # Lightning starts further processes as this one seems to have been
            main(question["arguments"])
        else:
            sys.argv = ["-c", *question["arguments"]]
            exec(compile(question["code"], "<string>", "exec"), {"__name__": "__main__"})
            code = 0
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


class Forked:
    """A command that runs: its exit code (negative: the signal that ended it), and what it printed once it ended."""

    def __init__(self, server: ForkServer, pid: int, out: Path, err: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server, self._out, self._err = server, out, err

    @property
    def out(self) -> str:
        return self.out_bytes.decode()

    @property
    def out_bytes(self) -> bytes:
        return self._out.read_bytes()

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8", errors="surrogateescape")

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit code, or `None` while it runs."""
        return self._ended(now=True)

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        code = self._ended(now=False)
        assert code is not None
        return code

    def _ended(self, *, now: bool) -> int | None:
        if self.returncode is None:
            code = self._server.ask(child=self.pid, now=now)
            self.returncode = None if code is None else int(str(code))
        return self.returncode


class ForkServer:
    """This process as it is now, to be become again and again.

    It is forked off before tests are collected: what their modules do, and threads that they start, are not in it.
    """

    def __init__(self) -> None:
        import_everything()
        self._count = 0
        self._folder = Path()
        ours, theirs = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            # From 3.12 on Python warns where there are threads; the only one here waits for what xdist sends.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            os.close(ours[1])
            os.close(theirs[0])
            warnings.resetwarnings()
            with os.fdopen(ours[0]) as questions, os.fdopen(theirs[1], "w") as answers:
                _serve(questions, answers)
            os._exit(0)
        os.close(ours[0])
        os.close(theirs[1])
        self._questions, self._answers = os.fdopen(ours[1], "w"), os.fdopen(theirs[0])

    def write_into(self, folder: Path) -> None:
        """Say where what the processes print is to lie."""
        self._folder = folder

    def start(
        self,
        *arguments: str,
        folder: Path | None = None,
        stdin: Path | None = None,
        code: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Start `upres`, or a script, with these arguments, in a folder (by default this one), and a file to read."""
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        for path in (out, err):
            path.touch()  # there to be read before the process has come so far
        place = str(folder or Path.cwd())
        variables = {**os.environ, **(environment or {})}
        pid = self.ask(
            arguments=list(arguments),
            code=code,
            stdin=str(stdin or os.devnull),
            out=str(out),
            err=str(err),
            folder=place,
            environment=variables,
        )
        return Forked(self, int(str(pid)), out, err)

    def run(
        self,
        *arguments: str,
        folder: Path | None = None,
        stdin: Path | None = None,
        code: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Run `upres`, or a script, with these arguments to its end."""
        process = self.start(*arguments, folder=folder, stdin=stdin, code=code, environment=environment)
        process.wait()
        return process

    def ask(self, **question: object) -> object:
        """Send one question to the process, and return its answer."""
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        answer: object = json.loads(self._answers.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._questions.close()
        self._answers.close()
        os.waitpid(self._pid, 0)
