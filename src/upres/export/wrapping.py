"""The nodes around another program's graph, so that it takes and gives what models of upres do.

The wrapped graph's input is `lr`, `n c h w` float32 in [0, 1] of any size, R before G before B; its output is `sr`,
`n c s·h s·w`. `encoded` and `decoded` are the same in NumPy: for probing, and for proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx.compose
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from upres.export.foreign_graph import NUMBERS, ForeignGraph
from upres.image import imresize
from upres.models.facts import METADATA_KEY, Facts, to_json

Layout = Literal["nchw", "nhwc"]
Range = Literal["unit", "byte", "signed"]
Order = Literal["rgb", "bgr"]

# Black and white as a graph has them; value = factor · unit + offset.
RANGES: dict[Range, tuple[float, float]] = {"unit": (1, 0), "byte": (255, 0), "signed": (2, -1)}
IN_WORDS: dict[Range, str] = {"unit": "0 to 1", "byte": "0 to 255", "signed": "−1 to 1"}

_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
# Keys 1981, eq. 4, as everywhere in upres; ONNX's own default is −0.75.
_KEYS = -0.5
_EDGE = 4


@dataclass(frozen=True)
class Wrapping:
    """What stands between upres's pictures and a graph.

    Attributes:
        layout: of the graph's pictures.
        channels: 1 or 3.
        takes, gives: the range of its input and of its output.
        order: of its three channels.
        enlarged: how often the picture is enlarged by bicubic before the graph gets it.
    """

    layout: Layout
    channels: int
    takes: Range = "unit"
    gives: Range = "unit"
    order: Order = "rgb"
    enlarged: int = 1


def encoded(lr: NDArray[np.float32], wrapping: Wrapping, kind: int) -> NDArray[Any]:
    """Return `n c h w` in [0, 1] as a graph takes it; `kind` is of its numbers (`ForeignGraph.takes`)."""
    if wrapping.enlarged > 1:
        lr = np.stack([_bicubic(each, wrapping.enlarged) for each in lr])
    if wrapping.order == "bgr":
        lr = lr[:, ::-1]
    factor, offset = RANGES[wrapping.takes]
    values = lr * np.float32(factor) + np.float32(offset)
    if NUMBERS[kind] is np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    values = values.transpose(_TO_NHWC) if wrapping.layout == "nhwc" else values
    return np.ascontiguousarray(values.astype(NUMBERS[kind]))


def decoded(given: NDArray[Any], wrapping: Wrapping) -> NDArray[np.float32]:
    """Return what a graph gave as `n c h w` on the scale on which white is 1."""
    values = given.astype(np.float32)
    values = values.transpose(_TO_NCHW) if wrapping.layout == "nhwc" else values
    factor, offset = RANGES[wrapping.gives]
    sr: NDArray[np.float32] = (values - np.float32(offset)) / np.float32(factor)
    return sr[:, ::-1] if wrapping.order == "bgr" else sr


def _bicubic(planes: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Enlarge `c h w` by bicubic, the edge repeated, as ONNX's Resize does."""
    around = np.pad(planes.transpose(1, 2, 0), ((_EDGE, _EDGE), (_EDGE, _EDGE), (0, 0)), mode="edge")
    cut = slice(_EDGE * scale, -_EDGE * scale)
    large: NDArray[np.float32] = imresize(around, scale)[cut, cut].transpose(2, 0, 1)
    return large


def wrapped(graph: ForeignGraph, wrapping: Wrapping, facts: Facts) -> ModelProto:
    """Return the graph with nodes around it and facts inside."""
    inner = onnx.compose.add_prefix(graph.proto, "net/")  # so that no name is there twice
    given, taken = f"net/{graph.output}", f"net/{graph.input}"
    before, after = _Chain("lr"), _Chain(given)
    if wrapping.enlarged > 1:
        scales = before.constant(np.array([1, 1, wrapping.enlarged, wrapping.enlarged], np.float32))
        before.add(
            "Resize",
            "",
            scales,
            mode="cubic",
            cubic_coeff_a=_KEYS,
            coordinate_transformation_mode="half_pixel",
        )
    _reverse(before, wrapping)
    factor, offset = RANGES[wrapping.takes]
    before.affine("Mul", factor, 1)
    before.affine("Add", offset, 0)
    if graph.takes == TensorProto.UINT8:
        before.add("Round")
        least, most = (before.constant(np.array(value, np.float32)) for value in (0, 255))
        before.add("Clip", least, most)
    if graph.takes != TensorProto.FLOAT:
        before.add("Cast", to=graph.takes)
    if wrapping.layout == "nhwc":
        before.add("Transpose", perm=_TO_NHWC)
    before.end(taken)
    if graph.gives != TensorProto.FLOAT:
        after.add("Cast", to=TensorProto.FLOAT)
    if wrapping.layout == "nhwc":
        after.add("Transpose", perm=_TO_NCHW)
    factor, offset = RANGES[wrapping.gives]
    after.affine("Sub", offset, 0)
    after.affine("Div", factor, 1)
    _reverse(after, wrapping)
    after.end("sr")
    nodes = [*before.nodes, *inner.graph.node, *after.nodes]
    for index, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{index}"  # by which quantising knows them
    inner.graph.initializer.extend([*before.constants, *after.constants])
    for values, name, height, width in ((inner.graph.input, "lr", "h", "w"), (inner.graph.output, "sr", "sh", "sw")):
        del values[:]
        sides: list[str | int | None] = ["n", wrapping.channels, height, width]
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    del inner.graph.node[:]
    inner.graph.node.extend(nodes)
    del inner.metadata_props[:]
    helper.set_model_props(inner, {METADATA_KEY: to_json(facts)})
    return inner


def _reverse(chain: _Chain, wrapping: Wrapping) -> None:
    if wrapping.order == "bgr":
        chain.add("Gather", chain.constant(np.array([2, 1, 0])), axis=1)


class _Chain:
    """Nodes one after the other, from a tensor on."""

    def __init__(self, start: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._start = start
        self._now = start

    def constant(self, value: NDArray[Any]) -> str:
        """Return the name of a new tensor of this value."""
        name = f"upres/{self._start}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operation: str, *inputs: str, **attributes: Any) -> None:
        """Add a node; what came before is its first input."""
        made = f"upres/{self._start}/{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, [self._now, *inputs], [made], **attributes))
        self._now = made

    def affine(self, operation: str, value: float, neutral: float) -> None:
        """Add arithmetic with one number, where it changes anything."""
        if value != neutral:
            self.add(operation, self.constant(np.array(value, np.float32)))

    def end(self, name: str) -> None:
        """Call what the last node makes by this name."""
        if not self.nodes:
            self.add("Identity")
        self.nodes[-1].output[0] = name
