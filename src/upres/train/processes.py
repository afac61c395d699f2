"""Several processes that train one network: which of them this is, and what they tell each other.

Lightning starts the processes, or torchrun does; gradients are averaged by PyTorch's DistributedDataParallel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import distributed as dist
from torch import nn

from upres.errors import ConfigError

T = TypeVar("T")


def first_process(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that writes and prints, as torchrun, Slurm or Lightning's launcher tell."""
    names = ("RANK",) if "RANK" in environment else ("NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")
    return all(environment.get(name, "0") == "0" for name in names)


def processes(devices: int | None, nodes: int | None, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return processes a machine, and machines: as asked for, or as torchrun has started them.

    Raises:
        ConfigError: fewer than one, or another number than torchrun's.
    """
    for name, count in (("devices", devices), ("nodes", nodes)):
        if count is not None and count < 1:
            raise ConfigError(f"{name} = {count}: should be at least 1")
    if "TORCHELASTIC_RUN_ID" not in environment:
        return devices or 1, nodes or 1
    here, everywhere = int(environment["LOCAL_WORLD_SIZE"]), int(environment["WORLD_SIZE"])
    for name, given, started in (("devices", devices, here), ("nodes", nodes, everywhere // here)):
        if given not in (None, started):
            raise ConfigError(f"{name} = {given}: torchrun started {started}; leave {name} out, torchrun decides")
    return here, everywhere // here


def torchrun_advice(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return what to say where torchrun may start processes again that then wait for those that were lost.

    Its store outlives a restart, and so do the addresses in it (pytorch#135712).

    >>> torchrun_advice({"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_MAX_RESTARTS": "3"})
    'after a restart processes may wait for lost ones: start torchrun with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1'
    """
    shares = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    told = environment.get("TORCH_DISABLE_SHARE_RDZV_TCP_STORE") == "1"
    if told or not shares or environment.get("TORCHELASTIC_MAX_RESTARTS", "0") == "0":
        return None
    return "after a restart processes may wait for lost ones: start torchrun with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"


def rank() -> int:
    """Return this process's number among all of the run, once they have met."""
    return dist.get_rank() if dist.is_initialized() else 0


def gather(value: T) -> list[T]:
    """Return every process's value, by rank; all must call it."""
    if not dist.is_initialized():
        return [value]
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def any_of(flags: Sequence[bool], device: torch.device) -> list[bool]:
    """Whether each flag is set in any process; all must call it. Cheap enough for every step."""
    if not dist.is_initialized():
        return list(flags)
    raised = torch.tensor([float(flag) for flag in flags], device=device)
    dist.all_reduce(raised, op=dist.ReduceOp.MAX)
    return [bool(flag) for flag in raised.tolist()]


def mean_of(values: Sequence[float]) -> list[float]:
    """Return the means over processes; all must call it."""
    everyone = gather(list(values))
    return [sum(column) / len(everyone) for column in zip(*everyone, strict=True)]


@torch.no_grad()
def share_buffers(network: nn.Module) -> None:
    """Give all processes the first one's buffers: batch normalisation's statistics are each one's own until then."""
    if dist.is_initialized():
        for buffer in network.buffers():
            dist.broadcast(buffer, src=0)
