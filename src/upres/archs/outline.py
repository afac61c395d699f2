"""A network's layers, one after the other, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from upres.archs.folding import folded
from upres.archs.network import Network

SIDE = 32
"""lr pixels a side of the picture whose shapes are told, continued to the network's multiple."""


@dataclass(frozen=True)
class Layer:
    """A layer as it is reached for the first time.

    Attributes:
        name: as in the weights' file.
        kind: its class.
        shape: of its output, `c h w`.
        parameters: its own, counted where it is reached first.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def outline(network: Network, side: int = SIDE) -> list[Layer]:
    """Return the layers in the order in which a picture passes them, branches summed up.

    A layer is what has no layers within. What is no layer of its own (a sum, a shuffle written as a function) is left
    out; parameters that belong to no layer stand in a row of their block. Nothing is computed: the network runs on
    PyTorch's device `meta`.

    Args:
        network: trained or not.
        side: of the picture, in lr pixels.
    """
    copied = folded(network).to("meta").eval()
    found: list[Layer] = []
    seen: set[str] = set()

    def noting(name: str, module: nn.Module) -> None:
        def note(_: nn.Module, __: Any, result: Any) -> None:
            if name in seen or not isinstance(result, torch.Tensor):
                return
            seen.add(name)
            own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
            found.append(Layer(name, type(module).__name__, tuple(result.shape[1:]), own))

        module.register_forward_hook(note)

    for name, module in copied.named_modules():
        own = any(True for _ in module.parameters(recurse=False))
        if name and (own or not any(True for _ in module.children())):
            noting(name, module)
    side += -side % network.multiple
    with torch.inference_mode():
        copied(torch.zeros(1, network.channels, side, side, device="meta"))
    return found


def rows(layers: Iterable[Layer]) -> list[tuple[str, str, str, str]]:
    """Return the layers as rows of a table: name, kind, shape as h×w×c, and parameters."""
    return [(layer.name, layer.kind, _shape(layer.shape), f"{layer.parameters:,}") for layer in layers]


def _shape(shape: tuple[int, ...]) -> str:
    """`c h w` as h×w×c; what has no place (tokens, a gate's one number) as it is."""
    if len(shape) == 3:
        return f"{shape[1]}×{shape[2]}×{shape[0]}"
    return "×".join(map(str, shape))
