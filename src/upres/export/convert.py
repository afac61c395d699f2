"""Weights that others published → a safetensors or ONNX file of upres's own, with the facts inside."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from upres.errors import ModelError, extra
from upres.models import files
from upres.models.facts import Facts


@dataclass(frozen=True)
class Converted:
    """What was written; `worst` is the largest difference between PyTorch and ONNX Runtime, for ONNX files."""

    path: Path
    facts: Facts
    worst: float | None


def convert(model: Path, output: Path, *, name: str | None = None, licence: str = "") -> Converted:
    """Write a model of any kind that upres reads as one of its own.

    Args:
        model: weights of others, or a checkpoint of upres's own.
        output: a `.safetensors` file, which PyTorch runs and trains on, or an `.onnx` file, which needs no PyTorch.
        name: for the facts; by default the file's.
        licence: of the weights, for the facts: no file of tensors says it.

    Raises:
        ModelError: `model` cannot be read (`upres.models.foreign.load`), is `output`, or `output` has another suffix.
        ParityError: ONNX Runtime gives other pixels than PyTorch.
        MissingExtraError: PyTorch is not installed.
    """
    files.check_output(output, files.CHECKPOINT, files.ONNX)
    if output.exists() and model.exists() and output.samefile(model):
        raise ModelError(f"{output}: is the model itself; give another output")
    with extra("train", "upres convert"):
        from upres.archs import ARCHS
        from upres.export import onnx
        from upres.models import checkpoint
        from upres.models.activations import activation_bytes
        from upres.models.foreign.load import read_network

    if files.is_onnx(model):
        raise ModelError(f"{model}: is an .onnx file already; upres reads those that carry its facts as they are")
    network, facts = read_network(model)
    facts = dataclasses.replace(facts, name=name or facts.name, licence=licence or facts.licence)
    if files.is_onnx(output):
        written = onnx.export_network(network, facts, output)
        return Converted(output, written.facts, written.worst)
    if facts.arch.get("name") not in ARCHS:
        raise ModelError(f"{output}: a network that upres builds with spandrel's help is written as .onnx only")
    facts = dataclasses.replace(facts, memory=activation_bytes(network))
    checkpoint.save(output, network, facts)
    return Converted(output, facts, None)
