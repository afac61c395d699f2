"""Weights that stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from upres.errors import ConfigError


def freeze(network: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Keep the parameters whose names match a pattern, such as `body.*`, from being trained; return their names.

    Raises:
        ConfigError: a pattern matches none, or nothing would be left to train.
    """
    names = [name for name, _ in network.named_parameters()]
    frozen = set()
    for number, pattern in enumerate(patterns):
        found = {name for name in names if fnmatchcase(name, pattern)}
        if not found:
            raise ConfigError(
                f"train.freeze.{number} = {pattern!r}: no parameter is called so; they are {', '.join(_ends(names))}"
            )
        frozen |= found
    if patterns and len(frozen) == len(names):
        raise ConfigError(f"train.freeze = {list(patterns)}: freezes every parameter; leave some to train")
    for name, parameter in network.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    return [name for name in names if name in frozen]


def _ends(names: Sequence[str]) -> list[str]:
    """Return a few names, the last among them: patterns are mostly of a network's beginning or end."""
    return list(names) if len(names) <= 8 else [*names[:4], "…", *names[-3:]]
