"""Another program's ONNX graph → an ONNX file of upres's own, with the facts inside that the graph does not tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from upres.errors import FailedError, ModelError, ParityError
from upres.export.foreign_graph import ForeignGraph, read_graph
from upres.export.graph_memory import activation_bytes
from upres.export.graph_probing import SIZE_AXES, Asked, Finding, Run, find
from upres.export.graph_reach import ROUNDING, multiple, reach, tiles_differ
from upres.export.onnx import TOLERANCE
from upres.export.wrapping import wrapped
from upres.image.sample import reduced_photograph
from upres.models.facts import FOREIGN_GRAPH, Facts
from upres.models.files import ONNX, check_output
from upres.predictors.onnx import OnnxPredictor
from upres.storage.atomic import whole_file

# Reading, range, sizes, tiles, proof.
_STAGES = 5


@dataclass(frozen=True)
class Adopted:
    """What was written.

    Attributes:
        path: the file.
        facts: those that were found.
        worst: how far it is from the graph it was made of, on a photograph and noise, as a share of white.
        finding: how the range and the colours were found.
        tiles: how far tiles are from the whole picture, as a share of white; `None` where they are blended.
    """

    path: Path
    facts: Facts
    worst: float
    finding: Finding
    tiles: float | None


def adopt(
    model: Path,
    output: Path,
    asked: Asked,
    *,
    name: str | None = None,
    licence: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Adopted:
    """Write another program's graph as a model of upres's own.

    Layout, scale, range, order of colours, multiple and receptive field are found by running it
    (`upres.export.graph_probing`, `upres.export.graph_reach`). The file appears under `output` only after it gave the
    same pixels as the graph.

    Args:
        model: an `.onnx` file without upres's facts.
        output: another `.onnx` file.
        asked: what is known, and not to be found.
        name: for the facts; by default the file's.
        licence: of the weights.
        progress: called with how many of the stages are done.

    Raises:
        ModelError, ConfigError: it is damaged, enlarges no pictures, or is not what was asked.
        ParityError: nodes around it changed its pixels.
    """
    check_output(output, ONNX)
    graph = read_graph(model)
    run = Run(graph)
    progress(1, _STAGES)
    finding = find(graph, run, asked)
    progress(2, _STAGES)

    def enlarge(lr: NDArray[np.float32]) -> NDArray[np.float32]:
        return run(lr, finding.wrapping)

    channels, scale = finding.wrapping.channels, finding.scale
    least = multiple(enlarge, channels, scale)
    if least is None:
        raise ModelError(
            f"{model}: takes {finding.side}×{finding.side} pixels, but not all sizes that are multiples of a number up "
            "to 128; export it so that it takes any size"
        )
    progress(3, _STAGES)
    radius, sides = reach(enlarge, channels, scale, least, graph.rounding or ROUNDING)
    tiles = None if radius is None else tiles_differ(enlarge, channels, scale, sides, radius)
    progress(4, _STAGES)
    facts = Facts(
        name=name or model.stem,
        scale=scale,
        colour=finding.colour,
        radius=radius,
        multiple=sides,
        parameters=graph.parameters,
        arch=_arch(graph, finding),
        trained_on=f"not known; imported from {model.name}",
        licence=licence,
    )
    proto = wrapped(graph, finding.wrapping, facts)
    facts = replace(facts, memory=activation_bytes(proto, channels, sides))
    worst = _write(wrapped(graph, finding.wrapping, facts), output, graph, finding)
    progress(5, _STAGES)
    return Adopted(output, facts, worst, finding, tiles)


def _arch(graph: ForeignGraph, finding: Finding) -> dict[str, object]:
    wrapping = finding.wrapping
    found: dict[str, object] = {
        "name": FOREIGN_GRAPH,
        "producer": graph.producer,
        "layout": wrapping.layout,
        "takes": wrapping.takes,
        "gives": wrapping.gives,
    }
    if wrapping.channels == 3:
        found["order"] = wrapping.order
    if wrapping.enlarged > 1:
        found["enlarged"] = "bicubic"
    return found


def _write(proto: ModelProto, output: Path, graph: ForeignGraph, finding: Finding) -> float:
    """Write the file where it gives what the graph as it was written gives; return how far they are apart."""
    with whole_file(output) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        worst = _parity(temporary, graph, finding)
        if not worst <= TOLERANCE:
            raise ParityError(
                f"{output}: not written: it differs from {graph.where} by {worst:.2e} of white (at most "
                f"{TOLERANCE:.0e}); report it with the file"
            )
    return worst


def _parity(file: Path, graph: ForeignGraph, finding: Finding) -> float:
    """Return how far a file is from the graph that another program wrote, which runs as its file has it."""
    predictor, original = OnnxPredictor(file), Run(graph, as_written=True)
    wrapping, multiple_of = finding.wrapping, predictor.facts.multiple
    # Where the file has its sides fixed, those; else odd numbers of its multiples, and the photograph.
    fixed = [graph.dims[axis] for axis in SIZE_AXES[wrapping.layout]]
    sizes = [(5, 7), (12, 3)]
    lrs = [_noise(wrapping.channels, rows * multiple_of, columns * multiple_of) for rows, columns in sizes]
    lrs.append(reduced_photograph(finding.side, finding.scale, wrapping.channels, finding.colour)[1])
    if any(fixed):
        height, width = ((side or finding.side) // wrapping.enlarged for side in fixed)
        lrs = [_noise(wrapping.channels, height, width)]
    together = graph.dims[0] or 1
    differences = []
    for lr in lrs:
        expected = np.concatenate([original(np.repeat(each[None], together, axis=0), wrapping)[:1] for each in lr])
        try:
            found = predictor.predict(lr)
        except FailedError as error:
            raise ModelError(
                f"{graph.where}: takes a batch of {together} alone ({error}); export it with a free number of pictures"
            ) from error
        differences.append(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
    return float(np.max(differences))  # NaN where one is


def _noise(channels: int, height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(4).random((2, channels, height, width), dtype=np.float32)
