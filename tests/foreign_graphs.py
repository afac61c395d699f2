"""Graphs as other programs write them: small ones with every habit that there is, which enlarge pictures well."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT

CURVE = 0.03
"""How much contrast `enlarging` adds to what lies in its range: other ranges get another curve."""


class Graph:
    """Nodes one after the other; the last one's output is the graph's."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[TensorProto] = []
        self.now = "lr"  # a name that upres uses, too

    def add(self, operation: str, *inputs: Any, **attributes: Any) -> Graph:
        """Add a node: what came before is its first input, arrays become weights."""
        names = [self.now]
        for value in inputs:
            if isinstance(value, np.ndarray):
                names.append(f"w{len(self.weights)}")
                self.weights.append(numpy_helper.from_array(value, names[-1]))
            else:
                names.append(value)
        made = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [made], **attributes))
        self.now = made
        return self

    def model(
        self, dims: Any, *, takes: int = FLOAT, gives: int = FLOAT, out: Any = (None,) * 4, opset: int = 17
    ) -> ModelProto:
        """Return the model; `dims` are the sides of its input, `None` where free."""
        self.nodes[-1].output[0] = "sr"
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("lr", takes, list(dims))],
            [helper.make_tensor_value_info("sr", gives, list(out))],
            self.weights,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="elsewhere"
        )


def enlarging(
    *,
    layout: str = "nchw",
    channels: int = 3,
    scale: int = 2,
    black: float = 0,
    white: float = 1,
    gives: tuple[float, float] | None = None,
    red: int | None = None,
    takes: int = FLOAT,
    gives_kind: int = FLOAT,
    dims: Any = None,
    padded: bool = True,
    opset: int = 17,
) -> ModelProto:
    """Return nearest neighbour behind a 3×3 convolution that hardly blurs, which cuts off and bends by its range.

    Args:
        layout: of its pictures.
        channels: of its pictures.
        scale: output side ÷ input side.
        black, white: as it takes them.
        gives: as it gives them; by default as it takes them.
        red: the channel that it takes for red, which alone it lets be brighter than 0.7.
        takes, gives_kind: the numbers of input and output.
        dims: the declared sides; by default free, but for the channels.
        padded: whether the convolution keeps the size.
        opset: of its operators.
    """
    kernel = np.zeros((channels, 1, 3, 3), np.float32)
    kernel[:, :, 1] = 0.01, 0.98, 0.01
    graph = Graph()
    if takes != FLOAT:
        graph.add("Cast", to=FLOAT)
    if layout == "nhwc":
        graph.add("Transpose", perm=(0, 3, 1, 2))
    span = white - black
    # Hard limits a little inside of the range, so that other ranges are out of it.
    graph.add("Max", np.array(black + 0.02 * span, np.float32)).add("Min", np.array(white - 0.02 * span, np.float32))
    graph.add("Sub", np.array(black, np.float32)).add("Div", np.array(span, np.float32))
    unit = graph.now
    graph.add("Mul", np.array(2 * np.pi, np.float32)).add("Sin")
    graph.add("Mul", np.array(-CURVE, np.float32)).add("Add", unit)
    if red is not None:
        most = np.full((1, 3, 1, 1), 0.7, np.float32)
        most[0, red] = 1
        graph.add("Min", most)
    graph.add("Conv", kernel, group=channels, pads=[1 if padded else 0] * 4)
    if scale > 1:
        graph.add(
            "Resize",
            "",
            np.array([1, 1, scale, scale], np.float32),
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )
    low, high = gives or (black, white)
    graph.add("Mul", np.array(high - low, np.float32)).add("Add", np.array(low, np.float32))
    if layout == "nhwc":
        graph.add("Transpose", perm=(0, 2, 3, 1))
    if gives_kind != FLOAT:
        graph.add("Cast", to=gives_kind)
    sides = (None, channels, None, None) if layout == "nchw" else (None, None, None, channels)
    return graph.model(dims or sides, takes=takes, gives=gives_kind, opset=opset)
