"""Weights or graphs that others published → a safetensors or ONNX file of upres's own, with the facts inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upres.errors import ConfigError, ModelError, extra
from upres.models import files
from upres.models.facts import Facts
from upres.models.frameworks import check_framework

if TYPE_CHECKING:
    from upres.export.adopt import Adopted


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        path: the file.
        facts: its facts.
        worst: the largest difference between PyTorch and ONNX Runtime, for ONNX files made of weights; between the file
            and the graph it was made of, for graphs; `None` for weights.
        adopted: how the facts of another program's graph were found.
    """

    path: Path
    facts: Facts
    worst: float | None
    adopted: Adopted | None = None


def default_output(model: Path) -> Path:
    """Return the file that a model becomes unless another is named: beside it, and never the model itself."""
    return model.with_name(f"{model.stem}-upres{files.ONNX}") if files.is_onnx(model) else model.with_suffix(files.ONNX)


def convert(
    model: Path,
    output: Path,
    *,
    name: str | None = None,
    licence: str = "",
    scale: int | None = None,
    layout: str | None = None,
    range: str | None = None,
    colour: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Converted:
    """Write a model of any kind that upres reads, or another program's ONNX graph, as one of its own.

    Args:
        model: weights of others, a checkpoint of upres's own, or an ONNX graph that another program wrote.
        output: a `.safetensors` file, which PyTorch runs and trains on, or an `.onnx` file, which needs no PyTorch.
        name: for the facts; by default the file's.
        licence: of the weights, for the facts: no file of tensors says it.
        scale, layout, range, colour: what is known of a graph, and otherwise found by running it
            (`upres.export.graph_probing.Asked`).
        progress: called with how many stages of a graph's adoption are done, and how many there are.

    Raises:
        ModelError: `model` cannot be read (`upres.models.foreign.load`, `upres.export.adopt`), is `output`, or `output`
            has another suffix.
        ConfigError: a graph is not what was said of it, or something of a graph was said of weights.
        ParityError: ONNX Runtime gives other pixels than PyTorch, or than the graph as it was.
        MissingExtraError: PyTorch or onnx is not installed.
    """
    check_framework(model)
    files.check_output(output, *((files.ONNX,) if files.is_onnx(model) else (files.CHECKPOINT, files.ONNX)))
    if output.exists() and model.exists() and output.samefile(model):
        raise ModelError(f"{output}: is the model itself; give another output")
    asked = {"scale": scale, "layout": layout, "range": range, "colour": colour}
    if files.is_onnx(model):
        with extra("train", "upres convert"):
            from upres.export.adopt import adopt
            from upres.export.graph_probing import Asked
        adopted = adopt(
            model, output, Asked(scale, layout, range, colour), name=name, licence=licence, progress=progress
        )
        return Converted(output, adopted.facts, adopted.worst, adopted)
    said = next((key for key, value in asked.items() if value is not None), None)
    if said is not None:
        raise ConfigError(
            f"{model}: holds weights, which tell their {said} themselves; leave it out: it is for .onnx files",
            settings=(said,),
        )
    return _converted(model, output, name, licence)


def _converted(model: Path, output: Path, name: str | None, licence: str) -> Converted:
    with extra("train", "upres convert"):
        from upres.archs import ARCHS
        from upres.export import onnx
        from upres.models import checkpoint
        from upres.models.activations import activation_bytes
        from upres.models.foreign.load import read_network

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
