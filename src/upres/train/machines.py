"""Machines that share no file system: what one of them holds of a run, all get before they go on.

The first process writes a run's files, on its machine. Where torchrun starts processes again, it may give that number
to another machine, or to a new one whose disk is empty.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import distributed as dist

from upres.errors import FailedError, UpresError, first_line
from upres.storage.atomic import write_whole
from upres.storage.digests import digest_of
from upres.train.devices import device_type
from upres.train.processes import gather, rank
from upres.train.run import reached

# What a run goes on from; rows, plots and the report are made of these again.
_LAST = "last.ckpt"
_SHARED = ("recipe.yaml", "changes.csv", _LAST, "best.safetensors", "weights/*.safetensors")


def share_run(folder: Path, *, resume: bool, device: str = "auto", environment: Mapping[str, str] = os.environ) -> bool:
    """Give the run folder of every machine what the one has that is farthest; return whether there is one to resume.

    Does nothing unless torchrun started processes on several machines; then all must call it. One that was told to
    resume is enough for all: a new machine cannot know of it. Where the folder is one that all see, nothing is written.

    Args:
        folder: the run folder, on this machine.
        resume: whether this process was told to.
        device: as in `fit`.
        environment: what torchrun tells.

    Raises:
        ConfigError: there is no such device.
        FailedError: a machine cannot write what came.
    """
    if not _several(environment):
        return resume
    kind = device_type(device)
    if not dist.is_initialized():
        # Lightning takes the group that is there. Files go by gloo, gradients of GPUs by NCCL.
        dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo")
    leads = environment.get("LOCAL_RANK", "0") == "0"
    told = gather((resume, _steps(folder) if leads else -1, _digests(folder) if leads else None))
    if not any(asked for asked, _, _ in told):
        return False
    farthest = max(range(len(told)), key=lambda number: told[number][1])
    steps, wanted = told[farthest][1:]
    if steps < 0 or wanted is None:
        return True  # whoever opens the checkpoint that is missing, or damaged, says so
    failure = ""
    for name, digest in wanted.items():
        if all(each.get(name) == digest for _, _, each in told if each is not None):
            continue
        sent: list[Any] = [(folder / name).read_bytes() if rank() == farthest else None]
        dist.broadcast_object_list(sent, src=farthest)
        own = told[rank()][2]
        if own is None or own.get(name) == digest:
            continue
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, sent[0])
        except OSError as error:
            failure = f"{folder / name}: cannot be written ({first_line(error)})"
    failures = [each for each in gather(failure) if each]
    if failures:
        raise FailedError(f"{failures[0]}; what the run goes on from has to be on every machine")
    return True


def _steps(folder: Path) -> int:
    """Return how far the run is whose folder this is; -1 without one that can be read."""
    try:
        return reached(folder / _LAST).steps
    except UpresError:
        return -1


def _digests(folder: Path) -> dict[str, str]:
    found = (path for pattern in _SHARED for path in sorted(folder.glob(pattern)))
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in found if path.is_file()}


def _several(environment: Mapping[str, str]) -> bool:
    """Whether torchrun started this process and others on other machines."""
    return "TORCHELASTIC_RUN_ID" in environment and environment["WORLD_SIZE"] != environment["LOCAL_WORLD_SIZE"]
