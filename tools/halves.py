"""Store the weights of an ONNX model in half precision; it computes in float32 as before.

python -m tools.halves FILE…

Each weight becomes a float16 initialiser and a cast to float32 in front of the graph, which runtimes do once, when they
open the file. The corners that lie beside a shipped model are kept so: a picture's weights are mixed of several, and
half of the package is saved. The model's own weights stay as they are.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.common import argument_parser, run
from tools.digests import write_digests
from upres.models.onnx_weights import HALF

_LEAST_DB = 60.0  # of the results with the rounded weights against those with the others


def halve(path: Path) -> float:
    """Rewrite a model in place; return the PSNR of a random picture's results against those of before, in dB.

    Raises:
        SystemExit: that is too little; the file stays as it was.
    """
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        stored = numpy_helper.from_array(values, tensor.name + HALF)
        casts.append(helper.make_node("Cast", [stored.name], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        onnx.save(model, trial)
        apart = _result(trial) - _result(path)
        decibels = float(-10 * np.log10(max(float(np.square(apart).mean()), 1e-20)))
        if decibels < _LEAST_DB:
            raise SystemExit(f"{path.name}: {decibels:.1f} dB from float32; {_LEAST_DB:g} is the least; left as it was")
        path.write_bytes(trial.read_bytes())
    return decibels


def _result(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path)
    (given,) = session.get_inputs()
    picture = np.random.default_rng(0).random((1, 3, 48, 48), np.float32)
    result: np.ndarray = session.run(None, {given.name: picture})[0]
    return result


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    for path in parser.parse_args().files:
        print(f"{path.name}: {halve(path):.1f} dB from float32, {path.stat().st_size:,} bytes")
    write_digests()


if __name__ == "__main__":
    run(main)
