"""One frame of int8 ranges for all corners of a model: whatever lies between them fits into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_LEVELS = 255  # of an activation, uint8


def covering(quantised: Sequence[Any]) -> Any:
    """Return the first of several int8 graphs of one topology, with steps that cover the ranges of all.

    Activations get the union of their ranges, weights the largest of each output channel. A mixture of weights lies
    within them, since it is nowhere larger than the largest of what is mixed. The whole numbers of its weights no
    longer fit the steps: `upres.models.onnx_weights.with_weights` writes them anew.

    Args:
        quantised: `onnx.ModelProto`s as `onnxruntime.quantization.quantize_static` gives them, in QDQ format.
    """
    from onnx import numpy_helper

    graphs = [{tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer} for proto in quantised]
    frame = quantised[0]
    changed: dict[str, Any] = {}
    steps_of: dict[str, str] = {}  # by the output of a node that gives floats back
    for node in frame.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        source, scale, zero = node.input
        steps_of[node.output[0]] = scale
        if graphs[0][zero].dtype == np.uint8:
            lows, highs = zip(*(_range(graph[scale], graph[zero]) for graph in graphs), strict=True)
            low, high = min(0.0, *lows), max(0.0, *highs)
            step = np.float32((high - low) / _LEVELS)
            changed[scale] = np.asarray(step, np.float32)
            changed[zero] = np.asarray(np.clip(np.rint(-low / step), 0, _LEVELS), np.uint8)
        elif graphs[0][source].dtype == np.int8:
            changed[scale] = np.max([graph[scale] for graph in graphs], axis=0).astype(np.float32)
    for node in frame.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and node.input[0] in steps_of and node.input[2] in steps_of:
            # A bias is added to sums of products: its step is the product of theirs.
            picture, weight, bias = (steps_of[name] for name in node.input)
            changed[bias] = (changed[picture] * changed[weight]).astype(np.float32)
    for tensor in frame.graph.initializer:
        if tensor.name in changed:
            values = changed[tensor.name].reshape(graphs[0][tensor.name].shape)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return frame


def _range(scale: Any, zero: Any) -> tuple[float, float]:
    step, nothing = float(scale), int(zero)
    return -nothing * step, (_LEVELS - nothing) * step
