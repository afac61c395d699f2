"""Milliseconds to enlarge one picture of 3×256×256, for models × the runtimes that are installed.

    python -m benchmarks.inference [MODEL …] [--threads 2] [--quick]

A name or a .onnx file runs on ONNX Runtime; a .safetensors checkpoint runs on PyTorch and, exported on the
spot, on ONNX Runtime too. Whole pictures, float32, no tiles; everything is alternated in one process.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.common import argument_parser, machine, medians, name_and_scale, picture, run
from upres.errors import ConfigError
from upres.evaluation.text_tables import text_table
from upres.image import to_unit
from upres.models.shipped import shipped
from upres.predictors import Predictor, open_predictor
from upres.predictors.onnx import OnnxPredictor


def _predictors(model: str, threads: int, folder: Path) -> Iterator[tuple[str, Predictor]]:
    """Yield each runtime that can run the model, and the model loaded in it."""
    path = Path(model)
    if path.suffix == ".onnx":
        yield "onnxruntime fp32", OnnxPredictor(path, threads=threads)
        return
    if path.suffix != ".safetensors":
        predictor = open_predictor(*name_and_scale(model), threads=threads)
        yield ("numpy fp64, one thread" if predictor.facts.name == "bicubic" else "onnxruntime fp32"), predictor
        return
    if find_spec("torch") is None:
        print(f"{model}: passed over, PyTorch is not installed", file=sys.stderr)
        return
    from upres.predictors.torch import TorchPredictor

    if find_spec("onnx") is not None:
        from upres.export.onnx import export_onnx

        exported = export_onnx(path, folder / f"{len(list(folder.iterdir()))}.onnx")
        yield "onnxruntime fp32", OnnxPredictor(exported.path, threads=threads)
    yield "torch fp32 eager", TorchPredictor(path, threads=threads)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("models", nargs="*", help="names as base-x4, .onnx or .safetensors files; all that are shipped")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=256, help="side of the lr picture")
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--quick", action="store_true", help="3 repeats; numbers are rough")
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else arguments.repeats
    models = arguments.models or [f"{model.name}-x{model.scale}" for model in shipped()]
    if not models:
        raise ConfigError("no model is shipped and none was given; name a .onnx or .safetensors file")
    print(machine("onnxruntime", "torch"))
    lr = np.ascontiguousarray(to_unit(picture(arguments.size, arguments.size)).transpose(2, 0, 1)[None])
    entries: list[tuple[str, str, Predictor]] = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for runtime, predictor in _predictors(model, arguments.threads, Path(folder)):
                entries.append((Path(model).name, runtime, predictor))
        runs = []
        for _, _, predictor in entries:
            given = lr if predictor.facts.channels == 3 else np.ascontiguousarray(lr[:, :1])
            predictor.predict(given)
            runs.append(partial(predictor.predict, given))
        milliseconds = [1000 * seconds for seconds in medians(runs, repeats)]
    print(
        f"lr 3×{arguments.size}×{arguments.size}, {arguments.threads} threads, median of {repeats} alternated, "
        "warm; speed: against the first row\n"
    )
    rows = [
        (
            name,
            runtime,
            f"×{predictor.facts.scale}",
            f"{predictor.facts.parameters:,}",
            f"{taken:.1f}",
            f"{milliseconds[0] / taken:.2f}",
        )
        for (name, runtime, predictor), taken in zip(entries, milliseconds, strict=True)
    ]
    print(text_table(("model", "runtime", "scale", "parameters", "ms", "speed"), rows))


if __name__ == "__main__":
    run(main)
