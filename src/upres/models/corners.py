"""Corners: sets of weights of one topology, fine-tuned from one parent, and the network between them.

The model's own file holds the first corner. The others lie beside it as `<its name>-<corner>.onnx`, and have the same
graph with other weights: each was trained on inputs that were compressed more than those of the one before. Between
two neighbours lies every mixture of their weights: one plain network, which costs what each of them costs.

Mixing the weights of networks that were fine-tuned from one: Wang et al., "Deep Network Interpolation for Continuous
Imagery Effect Transition", CVPR 2019. Weights chosen by a picture's degradation: Liang et al., "Efficient and
Degradation-Adaptive Network for Real-World Image Super-Resolution", ECCV 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from upres.errors import ModelError
from upres.models.facts import Facts
from upres.models.onnx_weights import Weights, read_weights

CLEAN = "clean"
"""The first corner: the model itself."""

COMPRESSED = ("light", "heavy")
"""The other corners, in the order in which their inputs are worse."""

POSITIONS = 8
"""Mixtures have shares in steps of 1/8: a mixture takes up to 0.1 s to open, so they are few, and kept."""


def corner_file(path: Path, corner: str) -> Path:
    """Return where a corner of a model lies."""
    return path.with_name(f"{path.stem}-{corner}{path.suffix}")


def corners_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a model's corners, its own first; nothing for a model that has no others."""
    beside = tuple(found for found in (corner_file(path, corner) for corner in COMPRESSED) if found.is_file())
    return (path, *beside) if beside else ()


def rounded(position: float) -> float:
    """Return the nearest position at which there is a mixture."""
    return round(position * POSITIONS) / POSITIONS


def shares(position: float, corners: int) -> list[float]:
    """Return the share of each corner: from the first at 0 to the last at 1, in a straight line between neighbours.

    >>> shares(0.25, 3)
    [0.5, 0.5, 0.0]
    >>> shares(1.0, 3)
    [0.0, 0.0, 1.0]
    """
    place = position * (corners - 1)
    return [max(0.0, 1 - abs(place - number)) for number in range(corners)]


def mixed_weights(files: Sequence[Path], position: float) -> Weights:
    """Return the weights at a position between corners.

    Raises:
        ModelError: a file cannot be read, or the corners are not of one topology.
    """
    parts = [(share, file) for share, file in zip(shares(position, len(files)), files, strict=True) if share]
    share, file = parts[0]
    weights = read_weights(file)
    mixture = {name: share * values for name, values in weights.items()} if share != 1 else weights
    for share, file in parts[1:]:
        added = read_weights(file)
        if {name: values.shape for name, values in added.items()} != {
            name: values.shape for name, values in mixture.items()
        }:
            raise ModelError(
                f"not of the topology of {files[0].name}; corners are fine-tuned from one model", where=file
            )
        mixture = {name: values + share * added[name] for name, values in mixture.items()}
    return mixture


def mixed_facts(facts: Facts, position: float, corners: int) -> Facts:
    """Return the facts of a mixture: the model's, with the corners' shares and without its scores."""
    names = (CLEAN, *COMPRESSED)
    blend = {name: share for name, share in zip(names, shares(position, corners), strict=False) if share}
    return replace(facts, blend=blend, scores={})
