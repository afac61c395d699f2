"""Processor time of commands and of all that they start, by what each process is called."""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

_LOOK = 0.25
# What one of the machine's engines calls its processes, and what they are.
_KNOWN = ("gcs_server", "raylet", "ray::", "log_monitor", "dashboard", "runtime_env_agent", "monitor.py")


def processor_seconds(commands: Sequence[Sequence[str]]) -> dict[str, float]:
    """Run commands beside each other, and return the seconds of user and system time of each kind of process.

    Processes are looked at four times a second, so of one that ends in between the last moments are missed; of the
    commands themselves nothing is.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    begun = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    spent: dict[int, tuple[str, float]] = {}
    left = {process.pid for process in begun}
    own = 0.0
    while left:
        for process, kind, seconds in _below({each.pid for each in begun}):
            spent[process] = (kind, seconds)
        for process in list(left):
            ended, status, used = os.wait4(process, os.WNOHANG)
            if not ended:
                continue
            left.remove(process)
            popen = next(each for each in begun if each.pid == process)
            popen.returncode = os.waitstatus_to_exitcode(status)
            # What it waited for is in here as well, and is told apart by what was seen of it.
            own += used.ru_utime + used.ru_stime
            if popen.returncode:
                raise subprocess.CalledProcessError(popen.returncode, popen.args)
        time.sleep(_LOOK)
    found: defaultdict[str, float] = defaultdict(float)
    for kind, seconds in spent.values():
        found[kind] += seconds
    found["upres"] = max(found["upres"], own - sum(found.values()) + found["upres"])
    return {kind: seconds for kind, seconds in sorted(found.items(), key=lambda pair: -pair[1]) if seconds >= 0.05}


def _below(roots: set[int]) -> list[tuple[int, str, float]]:
    """Return number, kind and seconds of processes that the roots started, and of the roots."""
    tick = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(place.parent.name)
        parents[number] = int(words[1])
        seconds[number] = (int(words[11]) + int(words[12])) / tick
    found = []
    for number, used in seconds.items():
        above = number
        while above not in roots and above in parents:
            above = parents[above]
        if above in roots:
            found.append((number, _kind(number, roots), used))
    return found


def _kind(number: int, roots: set[int]) -> str:
    if number in roots:
        return "upres"
    try:
        command = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "others"
    kind = next((each for each in _KNOWN if each in command[:400] or each in command), "others")
    return "workers" if kind == "ray::" else kind.removesuffix(".py")
