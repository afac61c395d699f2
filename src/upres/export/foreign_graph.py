"""A graph that another program wrote as ONNX: read, checked, and set free of the sizes it was exported with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import DTypeLike
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, external_data_helper, helper

from upres.config.limits import MAX_MODEL_BYTES
from upres.errors import ModelError, first_line
from upres.models.facts import METADATA_KEY

# In which numbers pictures come and go. Others (int64: labels; bool: masks) are of no network that enlarges pictures.
NUMBERS: dict[int, DTypeLike] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
    TensorProto.UINT8: np.uint8,
}
# Sets of operators that ONNX Runtime has.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
# Since then Clip, Resize and Round are what is put around a graph.
_LEAST_OPSET, _OPSET = 11, 17
_RANK = 4
# A level of 8 bits, and four steps of half precision below white.
_LEVEL, _HALF = 1.01 / 255, 2e-3

Dims = tuple[int | None, ...]


@dataclass(frozen=True)
class ForeignGraph:
    """A graph with one picture in and one out.

    Attributes:
        where: its file, for messages.
        written: the content of its file, with the weights that lie in others.
        proto: the model; its input and output have any size, all of its weights are inside.
        input, output: the names of its tensors.
        dims: the four sides of the input as they were declared, `None` where free.
        takes, gives: the numbers of input and output, keys of `NUMBERS`.
        producer: the program that wrote it, in words.
    """

    where: str
    written: bytes
    proto: ModelProto
    input: str
    output: str
    dims: Dims
    takes: int
    gives: int
    producer: str

    @property
    def parameters(self) -> int:
        """How many floating-point numbers it stores."""
        floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
        return sum(int(np.prod(each.dims)) for each in _tensors(self.proto.graph) if each.data_type in floats)

    @property
    def rounding(self) -> float | None:
        """How far pictures of two sizes may be apart, in parts of white; `None` where its numbers are no coarser."""
        if self.gives == TensorProto.UINT8:
            return _LEVEL
        kinds = {each.data_type for each in _tensors(self.proto.graph)} | {self.takes, self.gives}
        return _HALF if TensorProto.FLOAT16 in kinds else None


def read_graph(path: Path) -> ForeignGraph:
    """Read a graph of another program.

    Raises:
        ModelError: the file is missing or damaged, carries upres's facts already, lacks weights that lie in another
            file, uses operators of its own, or does not turn one picture into one.
    """
    proto = _loaded(path)
    if any(prop.key == METADATA_KEY for prop in proto.metadata_props):
        raise ModelError("carries upres's facts already; give it as --model as it is", where=path)
    written = proto.SerializeToString()
    producer = " ".join(filter(None, (proto.producer_name, proto.producer_version))) or "unknown"
    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    _check_operators(path, proto)
    proto = _modern(path, proto)
    graph = proto.graph
    stored = {tensor.name for tensor in graph.initializer}
    # Until 2019 weights were listed among the inputs.
    inputs = [value for value in graph.input if value.name not in stored]
    dims = _checked(path, "takes", inputs)
    _checked(path, "gives", list(graph.output))
    taken, given = inputs[0], graph.output[0]
    freed = ForeignGraph(
        where=str(path),
        written=written,
        proto=proto,
        input=taken.name,
        output=given.name,
        dims=dims,
        takes=taken.type.tensor_type.elem_type,
        gives=given.type.tensor_type.elem_type,
        producer=producer,
    )
    del graph.value_info[:]  # sizes as they were at export
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(freed.input, freed.takes, ["n", "a", "b", "c"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(freed.output, freed.gives, ["m", "d", "e", "f"]))
    return freed


def _loaded(path: Path) -> ModelProto:
    if not path.is_file():
        raise ModelError("no such file", where=path)
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise ModelError(f"more than the {MAX_MODEL_BYTES:,} bytes of a model", where=path)
    try:
        proto = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's and onnx's exceptions share no base class
        raise ModelError(
            f"not a readable ONNX model ({first_line(error)}); copy or export it again", where=path
        ) from error
    if not proto.graph.node:
        raise ModelError("not a readable ONNX model (it holds no operations); copy or export it again", where=path)
    outside = [tensor for tensor in _tensors(proto.graph) if external_data_helper.uses_external_data(tensor)]
    if outside:
        beside = external_data_helper.ExternalDataInfo(outside[0]).location
        try:
            external_data_helper.load_external_data_for_model(proto, str(path.parent))
        except Exception as error:  # as above; onnx refuses places outside the folder, too
            raise ModelError(
                f"{len(outside)} of its weights lie in another file, {beside}, which cannot be read "
                f"({first_line(error)}); put it beside the model, or export the model into one file",
                where=path,
            ) from error
    return proto


def _check_operators(path: Path, proto: ModelProto) -> None:
    for graph in _graphs(proto.graph):
        for node in graph.node:
            if node.domain not in _DOMAINS:
                raise ModelError(
                    f"uses {node.domain}.{node.op_type}, an operator of its maker's that no runtime here has; "
                    "export it with ONNX's own operators",
                    where=path,
                )


def _modern(path: Path, proto: ModelProto) -> ModelProto:
    """Return a model of operators among which those that are put around it can stand."""
    opset = next((item.version for item in proto.opset_import if item.domain in ("", "ai.onnx")), 1)
    if opset >= _LEAST_OPSET:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, _OPSET)
    except Exception as error:  # the converter raises bare RuntimeError, and others
        raise ModelError(
            f"is of ONNX's operators of {opset} ({first_line(error)}); export it with opset {_OPSET}", where=path
        ) from error


def _checked(path: Path, verb: str, values: list[ValueInfoProto]) -> Dims:
    """Return the sides of the only picture, or refuse what is none.

    Raises:
        ModelError: says what there is instead.
    """
    if len(values) != 1:
        names = ", ".join(f"{value.name} {_shown(_dims(value))}" for value in values) or "nothing"
        raise ModelError(
            f"{verb} {names}: a network that enlarges pictures takes one and gives one; export that part alone",
            where=path,
        )
    kind, dims = values[0].type.tensor_type.elem_type, _dims(values[0])
    if kind not in NUMBERS:
        called = TensorProto.DataType.Name(kind).lower() if kind else "no tensor"
        raise ModelError(
            f"{verb} {called}; a network that enlarges pictures {verb} float32, float16 or uint8: labels or "
            "masks are not pixels",
            where=path,
        )
    if len(dims) != _RANK:
        raise ModelError(
            f"{verb} {_shown(dims)}, of {len(dims)} axes; a network that enlarges pictures {verb} n×h×w×c or n×c×h×w",
            where=path,
        )
    return dims


def _dims(value: ValueInfoProto) -> Dims:
    """Return the sides that are declared; four free ones where nothing is."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return (None,) * _RANK
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in kind.shape.dim)


def _shown(dims: Dims) -> str:
    return "×".join("?" if side is None else str(side) for side in dims) or "one number"


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and those inside its nodes: branches and loops."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inner)


def _tensors(graph: GraphProto) -> Iterator[Any]:
    for each in _graphs(graph):
        yield from each.initializer
        for node in each.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
