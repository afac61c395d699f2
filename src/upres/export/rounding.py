"""A float32 ONNX graph → the same with int8 convolutions, as QuantizeLinear and DequantizeLinear nodes around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Ends = dict[str, tuple[float, float]]

_LEVELS, _MOST = 255, 127
_LEAST_STEP = 1e-8


def convolutions(graph: Any) -> list[str]:
    """Return the names of the convolutions whose weights the graph holds, in its order; all get a name."""
    constant = {item.name for item in graph.initializer}
    found = [node for node in graph.node if node.op_type == "Conv" and node.input[1] in constant]
    for number, node in enumerate(found):
        node.name = node.name or f"Conv_{number}"
    return [node.name for node in found]


def rounded_tensors(graph: Any, chosen: Sequence[str]) -> list[str]:
    """Return what these convolutions round: what they take, and what they give, behind a ReLU where there is one.

    Rounding before a ReLU would spend half of the steps on what is cut off.
    """
    behind = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Relu"}
    found: dict[str, None] = {}
    for node in graph.node:
        if node.op_type == "Conv" and node.name in chosen:
            found |= dict.fromkeys((node.input[0], behind.get(node.output[0], node.output[0])))
    return list(found)


def ends_of(model: Any, tensors: Sequence[str], patches: Sequence[NDArray[np.float32]], cut: float) -> Ends:
    """Return from where to where tensors go when a model is run on patches, and always 0.

    Args:
        model: an `onnx.ModelProto`.
        tensors: names of what its nodes take and give.
        patches: inputs.
        cut: the share of each patch that may lie outside, at each end.
    """
    from upres.predictors.onnx import session_of

    watched = ModelProto()
    watched.CopyFrom(model)
    given = {item.name for item in (*watched.graph.input, *watched.graph.output)}
    watched.graph.output.extend(ValueInfoProto(name=name) for name in tensors if name not in given)
    session, source = session_of(watched.SerializeToString(), 1), watched.graph.input[0].name
    names = [name for name in tensors if name != source]
    found: Ends = dict.fromkeys(tensors, (0.0, 0.0))
    for patch in patches:
        values = dict(zip(names, session.run(names, {source: patch}), strict=True)) | {source: patch}
        for name in tensors:
            low, high = np.quantile(values[name], (cut, 1 - cut))
            found[name] = min(found[name][0], float(low)), max(found[name][1], float(high))
    return found


def _made(graph: Any, chosen: Sequence[str]) -> set[str]:
    """Return what these convolutions give, before and behind a ReLU."""
    made = {name for node in graph.node if node.op_type == "Conv" and node.name in chosen for name in node.output}
    return made | {node.output[0] for node in graph.node if node.op_type == "Relu" and node.input[0] in made}


def with_int8(model: Any, chosen: Sequence[str], ends: Ends) -> Any:
    """Return a copy of a model whose chosen convolutions are int8.

    Only these convolutions take rounded pictures: a residual sum adds to what was not rounded. (One that did lost 0.01
    to 0.02 dB more on Set5.) What they give is rounded for everything behind them, or ONNX Runtime computes in float32.

    Args:
        model: an `onnx.ModelProto`; the weights of these convolutions are initialisers.
        chosen: names of convolutions.
        ends: of the tensors that `rounded_tensors` names.
    """
    result = ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    given = {item.name for item in graph.output}
    rounding = _Rounding(ends)
    weights = {item.name: item for item in graph.initializer}
    made = _made(graph, chosen)
    for node in graph.node:
        source = node.input[0] if node.input else ""
        node.input[:] = [rounding.rounded.get(name, name) if name in made else name for name in node.input]
        if node.op_type == "Conv" and node.name in chosen:
            values = [numpy_helper.to_array(weights[name]) for name in node.input[1:]]
            node.input[:] = rounding.convolution(source, dict(zip(node.input[1:], values, strict=True)))
        rounding.nodes.append(node)
        for name in node.output:
            if name in made and name in ends and name not in given:
                rounding.round(name)
    # Copies: they are to go on when their list is emptied.
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in rounding.nodes]
    needed = {name for node in nodes for name in node.input}
    kept = [item for item in graph.initializer if item.name in needed]
    kept += [numpy_helper.from_array(value, name) for name, value in rounding.numbers.items()]
    kept = [TensorProto.FromString(item.SerializeToString()) for item in kept]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    return result


class _Rounding:
    """The nodes and numbers of a graph that is being rounded.

    Attributes:
        nodes: in order.
        numbers: initialisers, by their name.
        rounded: what stands for a tensor once it was rounded.
    """

    def __init__(self, ends: Ends) -> None:
        self.nodes: list[NodeProto] = []
        self.numbers: dict[str, NDArray[Any]] = {}
        self.rounded: dict[str, str] = {}
        self._ends = ends

    def round(self, tensor: str) -> None:
        """Round a tensor to uint8 and back."""
        if tensor in self.rounded:
            return
        step, zero = self._step(tensor)
        steps = (self._number(f"{tensor}_scale", np.array(step)), self._number(f"{tensor}_zero_point", np.array(zero)))
        whole, self.rounded[tensor] = f"{tensor}_QuantizeLinear_Output", f"{tensor}_DequantizeLinear_Output"
        self.nodes.append(helper.make_node("QuantizeLinear", (tensor, *steps), [whole]))
        self.nodes.append(helper.make_node("DequantizeLinear", (whole, *steps), [self.rounded[tensor]]))

    def convolution(self, source: str, weights: dict[str, NDArray[Any]]) -> list[str]:
        """Return the inputs of a convolution in int8: the picture, the weight, and the bias if there is one."""
        self.round(source)
        (name, weight), *biases = weights.items()
        most = np.abs(weight).reshape(len(weight), -1).max(axis=1)
        step = np.where(most > 0, most / np.float32(_MOST), np.float32(1)).astype(np.float32)
        sums = self._step(source)[0] * step
        return [
            self.rounded[source],
            self._dequantised(name, weight, step, np.int8),
            *(self._dequantised(name, bias, sums, np.int32) for name, bias in biases),
        ]

    def _step(self, tensor: str) -> tuple[np.float32, np.uint8]:
        low, high = self._ends[tensor]
        step = np.float32(max((high - low) / _LEVELS, _LEAST_STEP))
        return step, np.uint8(np.clip(np.rint(-low / step), 0, _LEVELS))

    def _dequantised(
        self, name: str, values: NDArray[Any], step: NDArray[np.float32], kind: type[np.signedinteger]
    ) -> str:
        """Add whole numbers of a step for each output channel; return what stands for their product."""
        most, last = np.iinfo(kind).max, f"{name}_DequantizeLinear_Output"
        whole = np.clip(np.rint(values / step.reshape(-1, *[1] * (values.ndim - 1))), -most, most).astype(kind)
        parts = (
            self._number(f"{name}_quantized", whole),
            self._number(f"{name}_quantized_scale", step),
            self._number(f"{name}_quantized_zero_point", np.zeros(len(step), kind)),
        )
        self.nodes.append(helper.make_node("DequantizeLinear", parts, [last], axis=0))
        return last

    def _number(self, name: str, value: NDArray[Any]) -> str:
        self.numbers[name] = value
        return name
