"""Commands and scripts as processes of their own without the seconds in which each would import PyTorch and Lightning.

One process imports them once and becomes, by fork, each that is asked of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SERVER = """
import json, os, signal, sys, traceback
import upres.recipes, upres.train
from upres.cli.main import main

for line in sys.stdin:
    question = json.loads(line)
    if "arguments" in question:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, name in ((0, os.devnull), (1, question["out"]), (2, question["err"])):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
            code = 1
            try:
                os.environ.update(question["environment"])
                os.chdir(question["folder"])
                sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
                if question["code"] is None:
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
            os._exit(code)
        print(child, flush=True)
    else:
        found, status = os.waitpid(question["child"], os.WNOHANG if question["now"] else 0)
        print(json.dumps(os.waitstatus_to_exitcode(status) if found else None), flush=True)
"""


class Forked:
    """A command that runs: its exit code (negative: the signal that ended it), and what it printed once it ended."""

    def __init__(self, server: ForkServer, pid: int, out: Path, err: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server, self._out, self._err = server, out, err

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

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
    """The process that has imported everything; a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(
        self,
        *arguments: str,
        folder: Path | None = None,
        code: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Start `upres`, or a script, with these arguments, in a folder (by default this one)."""
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        place = str(folder or Path.cwd())
        variables = {**os.environ, **(environment or {})}
        pid = self.ask(
            arguments=list(arguments), code=code, out=str(out), err=str(err), folder=place, environment=variables
        )
        return Forked(self, int(str(pid)), out, err)

    def run(
        self,
        *arguments: str,
        folder: Path | None = None,
        code: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Run `upres`, or a script, with these arguments to its end."""
        process = self.start(*arguments, folder=folder, code=code, environment=environment)
        process.wait()
        return process

    def ask(self, **question: object) -> object:
        """Send one question to the process, and return its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: object = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
