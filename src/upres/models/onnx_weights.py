"""The weights inside an ONNX file: read, and replaced by others of the same shapes, without a library.

Field numbers are those of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from upres.errors import ModelError
from upres.models.protobuf import Field, field, fields, numbers

Weights = dict[str, NDArray[np.float32]]

HALF = "_half"
"""What the name of a weight ends in that is stored in float16, and cast to float32 under its own name."""

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _OPERATION = 1, 2, 4
_DIMS, _DATA_TYPE, _FLOAT_DATA, _NAME, _RAW_DATA = 1, 2, 4, 8, 9
_FLOAT, _INT8, _INT32, _FLOAT16 = 1, 3, 6, 10
_INTEGERS: dict[int, type[np.signedinteger]] = {_INT8: np.int8, _INT32: np.int32}
# Of an int8 model: the names that quantising gives a tensor's whole numbers, and what one of them stands for.
_QUANTISED, _SCALE = "_quantized", "_scale"


def read_weights(path: Path) -> Weights:
    """Return every float32 initialiser by its name, and those that are stored in half precision.

    Raises:
        ModelError: the file cannot be read, or is damaged.
    """
    tensors = (_tensor(part.value) for part in _initialisers(path, _content(path)))
    return {
        tensor.name if tensor.data_type == _FLOAT else tensor.name.removesuffix(HALF): tensor.floats()
        for tensor in tensors
        if tensor.data_type == _FLOAT or (tensor.data_type == _FLOAT16 and tensor.name.endswith(HALF))
    }


def with_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Return the content of an ONNX file with other weights in it; everything else stays.

    Where the file is an int8 model, each output channel of a weight becomes whole numbers of a step of its own, 1/127
    of its largest value, as quantising chooses it; the steps of activations stay.

    Args:
        path: the file.
        weights: by the name of the initialiser, of its shape; what the file does not have is left out.

    Raises:
        ModelError: the file cannot be read or is damaged, or a weight has another shape.
    """
    content = _content(path)
    tensors = {tensor.name: tensor for tensor in (_tensor(part.value) for part in _initialisers(path, content))}
    steps = _steps(content, tensors, weights)

    def replaced(part: Field) -> bytes:
        if part.number != _INITIALIZER:
            return part.whole
        tensor = _tensor(part.value)
        base = tensor.name.removesuffix(_QUANTISED)
        if tensor.name in steps:
            step = steps[tensor.name].astype("<f4").reshape(tensor.dims)
            return field(_INITIALIZER, tensor.with_raw(step.tobytes()))
        if base not in weights or tensor.data_type not in (_FLOAT, *_INTEGERS):
            return part.whole
        values = weights[base]
        if list(values.shape) != tensor.dims:
            raise ModelError(f"{base} is {tensor.dims}, and {list(values.shape)} was given", where=path)
        if tensor.data_type == _FLOAT:
            raw = values.astype("<f4").tobytes()
        else:
            named = next((name for name in (tensor.name + _SCALE, base + _SCALE) if name in steps), None)
            if named is None:
                raise ModelError(f"{tensor.name} has no steps; quantise the model again", where=path)
            raw = _whole_numbers(values, steps[named], _INTEGERS[tensor.data_type])
        return field(_INITIALIZER, tensor.with_raw(raw))

    def graph(part: Field) -> bytes:
        if part.number != _GRAPH:
            return part.whole
        return field(_GRAPH, b"".join(replaced(inner) for inner in fields(part.value)))

    return b"".join(graph(part) for part in fields(content))


def _steps(
    content: bytes, tensors: Mapping[str, _Tensor], weights: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return the steps that other weights have in an int8 graph, and those of the biases beside them, by their name.

    A bias is added to sums of products: its step is the product of the picture's and the weight's.
    """
    nodes = [_node(part.value) for part in fields(_graph_of(content)) if part.number == _NODE]
    scale_of = {node.outputs[0]: node.inputs[1] for node in nodes if node.operation == "DequantizeLinear"}
    source_of = {node.outputs[0]: node.inputs[0] for node in nodes if node.operation == "DequantizeLinear"}
    steps: dict[str, NDArray[np.float32]] = {}
    for node in nodes:
        if node.operation != "Conv" or node.inputs[1] not in scale_of:
            continue
        picture, weight, *bias = node.inputs
        values = weights.get(source_of[weight].removesuffix(_QUANTISED))
        if values is None:
            continue
        most = np.abs(values).reshape(len(values), -1).max(axis=1)
        step = np.where(most > 0, most / np.float32(np.iinfo(np.int8).max), np.float32(1)).astype(np.float32)
        steps[scale_of[weight]] = step
        if bias and bias[0] in scale_of and picture in scale_of:
            steps[scale_of[bias[0]]] = tensors[scale_of[picture]].floats().reshape(-1) * step
    return steps


class _Node(NamedTuple):
    operation: str
    inputs: list[str]
    outputs: list[str]


def _node(content: bytes) -> _Node:
    said: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATION: []}
    for part in fields(content):
        if part.number in said:
            said[part.number].append(part.value.decode())
    return _Node("".join(said[_OPERATION]), said[_INPUT], said[_OUTPUT])


class _Tensor(NamedTuple):
    name: str
    dims: list[int]
    data_type: int
    raw: bytes
    parts: list[Field]

    def floats(self) -> NDArray[np.float32]:
        stored = "<f2" if self.data_type == _FLOAT16 else "<f4"
        return np.frombuffer(self.raw, stored).reshape(self.dims).astype(np.float32)

    def with_raw(self, raw: bytes) -> bytes:
        """Return the message with these bytes as its data."""
        kept = (part.whole for part in self.parts if part.number not in (_RAW_DATA, _FLOAT_DATA))
        return b"".join([*kept, field(_RAW_DATA, raw)])


def _tensor(content: bytes) -> _Tensor:
    parts = list(fields(content))
    dims: list[int] = []
    name, data_type, raw = "", 0, b""
    for part in parts:
        if part.number == _DIMS:
            dims += numbers(part.value) if part.value else [part.integer]
        elif part.number == _DATA_TYPE:
            data_type = part.integer
        elif part.number == _NAME:
            name = part.value.decode()
        elif part.number in (_RAW_DATA, _FLOAT_DATA) and part.value:
            raw = part.value  # packed floats lie in the message as raw ones do
    return _Tensor(name, dims, data_type, raw, parts)


def _whole_numbers(values: NDArray[np.float32], step: NDArray[np.float32], kind: type[np.signedinteger]) -> bytes:
    """Return values as multiples of a step for each output channel, or of one for all; symmetric about 0."""
    most = np.iinfo(kind).max
    divisor = step.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float64)
    return (
        np.clip(np.rint(values / divisor), -most, most).astype(kind).astype(np.dtype(kind).newbyteorder("<")).tobytes()
    )


def _graph_of(content: bytes) -> bytes:
    return next((part.value for part in fields(content) if part.number == _GRAPH), b"")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", where=path) from error


def _initialisers(path: Path, content: bytes) -> list[Field]:
    try:
        found = [part for part in fields(_graph_of(content)) if part.number == _INITIALIZER]
        for part in found:
            _tensor(part.value)
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelError("not a readable ONNX model; copy or export it again", where=path) from error
    return found
