"""How many bytes another program's graph holds at once: the fact from which the size of tiles follows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, ValueInfoProto

from upres.predictors.onnx import session_of

# Side of the input that is tried; of what follows here nothing grows but with its area.
_SIDE = 32
# What shows the same numbers under another name.
_VIEWS = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten")


def activation_bytes(proto: ModelProto, channels: int, multiple: int) -> int | None:
    """Return the bytes that a graph's activations take at most at once, for each pixel of its input.

    It runs once, node by node, on a small picture, and gives all that it makes; counted is what later nodes still need,
    as `upres.models.activations` counts it for networks of upres's own. `None` where it cannot run so.
    """
    side = -(-_SIDE // multiple) * multiple
    told = onnx.ModelProto()
    told.CopyFrom(proto)
    made = [name for node in told.graph.node for name in node.output if name]
    there = {value.name for value in told.graph.output}
    told.graph.output.extend(ValueInfoProto(name=name) for name in made if name not in there)
    lr = np.full((1, channels, side, side), 0.5, np.float32)
    try:
        session = session_of(told.SerializeToString(), as_it_stands=True)
        given = session.run(made, {told.graph.input[0].name: lr})
    except Exception:  # sequences, for one, have no size; the runtime's exceptions share no base class
        return None
    tensors = {name: np.asarray(value) for name, value in zip(made, given, strict=True)}
    tensors[told.graph.input[0].name] = lr
    shapes = {each.name: tuple(each.dims) for each in told.graph.initializer}
    return math.ceil(_most(told, tensors, shapes) / side**2)


def _most(proto: ModelProto, tensors: dict[str, Any], weights: dict[str, tuple[int, ...]]) -> int:
    """Return the most bytes that are alive at a node."""
    holder: dict[str, str] = {}
    last: dict[str, int] = {}
    for index, node in enumerate(proto.graph.node):
        if node.op_type in _VIEWS and node.input[0] in tensors:
            holder[node.output[0]] = holder.get(node.input[0], node.input[0])
        for name in node.input:
            last[holder.get(name, name)] = index
    end = len(proto.graph.node)
    last |= {holder.get(value.name, value.name): end for value in proto.graph.output if value.name == "sr"}
    alive: dict[str, int] = {proto.graph.input[0].name: tensors[proto.graph.input[0].name].nbytes}
    most = sum(alive.values())
    for index, node in enumerate(proto.graph.node):
        alive |= {name: tensors[name].nbytes for name in node.output if name and name not in holder}
        most = max(most, sum(alive.values()) + _products(node, tensors, weights))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > index}
    return most


def _products(node: Any, tensors: dict[str, Any], weights: dict[str, tuple[int, ...]]) -> int:
    """Return the bytes of a transposed convolution's products: runtimes lay them side by side before they add them."""
    if node.op_type != "ConvTranspose" or node.input[1] not in weights:
        return 0
    picture, kernel = tensors.get(node.input[0]), weights[node.input[1]]
    return 0 if picture is None else int(picture.nbytes // picture.shape[1] * math.prod(kernel[1:]))
