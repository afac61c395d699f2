"""Where a run computes."""

from __future__ import annotations

import torch

from upres.errors import ConfigError, nearest

DEVICES = ("auto", "cpu", "gpu", "cuda", "mps")
"""What may be asked for; `gpu` is the one that there is, `auto` it or else the processor."""


def device_type(asked: str) -> str:
    """Return `cpu`, `cuda` or `mps`, as PyTorch names it.

    Raises:
        ConfigError: the name is unknown, or PyTorch sees no such device; says what it sees.
    """
    if asked not in DEVICES:
        raise ConfigError(f"device = {asked!r} is unknown: {nearest(asked, DEVICES)}", settings=("device",))
    there = [name for name, seen in _seen().items() if seen]
    if asked == "auto":
        return there[0]
    if asked == "cpu" or asked in there:
        return asked
    if asked == "gpu" and there[0] != "cpu":
        return there[0]
    build = "" if torch.version.cuda or torch.version.hip or asked == "mps" else ", and is a build without CUDA"
    raise ConfigError(
        f"device = {asked!r}: PyTorch {torch.__version__} sees {' and '.join(there)} here{build}; take one of these, "
        "or install the PyTorch for your card",
        settings=("device",),
    )


def _seen() -> dict[str, bool]:
    return {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
