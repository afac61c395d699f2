"""What an importer makes of a file's tensors, and what importers have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

from upres.errors import ModelError
from upres.models.foreign.tensors import Tensors

# Pattern of a whole name in the file → our name, as a template or a function of the match.
Table = Mapping[str, str | Callable[[re.Match[str]], str]]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A network of `upres.archs`, and the tensors under its names.

    Attributes:
        scale: output side ÷ input side.
        channels: of the picture.
        config: the architecture's configuration, as a recipe writes it.
        tensors: what the network loads.
    """

    scale: int
    channels: int
    tensors: Tensors
    config: dict[str, Any] = field(default_factory=dict)


class Importer(ABC):
    """Knows the published files of one architecture: a leaf is one file here and one line in `IMPORTERS`."""

    @abstractmethod
    def recognises(self, tensors: Tensors) -> bool:
        """Return whether the names are those of this architecture's files."""

    @abstractmethod
    def imported(self, tensors: Tensors) -> Imported:
        """Infer the configuration from the tensors, and give them the names and the range that upres uses.

        Raises:
            ModelError: they are of a variant that upres does not have; the message lacks the file's name.
        """


def renamed(tensors: Tensors, table: Table) -> Tensors:
    """Give each tensor the name that the first matching row makes of it.

    Raises:
        ModelError: a name that no row matches.
    """
    result: Tensors = {}
    for name, tensor in tensors.items():
        for pattern, target in table.items():
            match = re.fullmatch(pattern, name)
            if match:
                result[match.expand(target) if isinstance(target, str) else target(match)] = tensor
                break
        else:
            raise ModelError(f"tensor {name} has no place in it; it may be of a variant that upres does not have")
    return result


def count(names: Iterable[str], pattern: str) -> int:
    """Return how many different numbers stand where the pattern's group is, in names that begin with it."""
    return len({match[1] for name in names if (match := re.match(pattern, name))})


def shuffled_scale(values: int, channels: int) -> int:
    """Return the scale of a pixel shuffle that makes `channels` channels of `values`.

    Raises:
        ModelError: there is none.
    """
    scale = isqrt(values // channels)
    if scale**2 * channels != values:
        raise ModelError(f"its last convolution gives {values} channels, which is {channels} times no square")
    return scale


def ranged(tensors: Tensors, head: str, tail: str, largest: float) -> Tensors:
    """Turn a network of pixels in [0, `largest`] into one of pixels in [0, 1], by its first and last convolution."""
    weight, bias = f"{tail}.weight", f"{tail}.bias"
    return {
        **tensors,
        f"{head}.weight": tensors[f"{head}.weight"] * largest,
        weight: tensors[weight] / largest,
        bias: tensors[bias] / largest,
    }
