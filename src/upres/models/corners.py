"""Corners: sets of weights of one topology, fine-tuned from one parent, and the network between them.

The model's own file holds the first corner. The others lie beside it as `<its name>-<corner>.onnx`, and have the same
graph with other weights. They differ in two ways: each of `COMPRESSED` was trained on inputs that were compressed more
than those of the one before; and a corner whose name ends in `detail` was trained to look like the original, where the
others were trained to be as near to it as can be. Between neighbours lies every mixture of their weights: one plain
network, which costs what each of them costs.

Mixing the weights of networks that were fine-tuned from one: Wang et al., "Deep Network Interpolation for Continuous
Imagery Effect Transition", CVPR 2019. Weights chosen by a picture's degradation: Liang et al., "Efficient and
Degradation-Adaptive Network for Real-World Image Super-Resolution", ECCV 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from upres.errors import ConfigError, ModelError
from upres.models.facts import Facts
from upres.models.onnx_weights import Weights, read_weights

CLEAN = "clean"
"""The first corner: the model itself."""

COMPRESSED = ("light", "heavy")
"""The other corners, in the order in which their inputs are worse."""

DETAIL = "detail"
"""What the names of detailed corners end in."""

POSITIONS = 8
"""Mixtures have shares in steps of 1/8: a mixture takes up to 0.1 s to open, so they are few, and kept."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place between a model's corners.

    Attributes:
        denoise: from 0, for clean pictures, to 1, for what was compressed hard.
        detail: from 0, as near to the truth as can be, to 1, with the detail that the truth may have had.

    Raises:
        ConfigError: one of them is not from 0 to 1.
    """

    denoise: float = 0.0
    detail: float = 0.0

    def __post_init__(self) -> None:
        for axis, place in (("denoise", self.denoise), ("detail", self.detail)):
            if not 0 <= place <= 1:  # NaN among them
                raise ConfigError(f"{axis} = {place:g}: should be from 0 to 1", settings=(axis,))

    @property
    def rounded(self) -> Position:
        """The nearest position at which there is a mixture."""
        return Position(rounded(self.denoise), rounded(self.detail))


ORIGIN = Position()
"""The model itself."""


@dataclass(frozen=True, slots=True)
class Corners:
    """The files of a model's corners.

    Attributes:
        faithful: of the model itself, and of its corners for compressed pictures, the cleanest first.
        detailed: the same with detail, as many; nothing for a model without.
    """

    faithful: tuple[Path, ...] = ()
    detailed: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All, the model's own first."""
        return self.faithful + self.detailed

    @property
    def compressed(self) -> bool:
        """There are corners for compressed pictures."""
        return len(self.faithful) > 1

    def shares(self, position: Position) -> dict[Path, float]:
        """Return the share of each file that has one.

        From neighbour to neighbour along denoise it is a straight line. Along detail the detailed ones have the square
        root: the first quarter of their weights alone only sharpens, and PSNR rises by it as often as it falls, so in
        a straight line the slider's first steps do nothing that is seen, and its last ones everything.
        """
        line = shares(position.denoise, len(self.faithful))
        detailed = math.sqrt(position.detail)
        both = [
            *zip(self.faithful, (share * (1 - detailed) for share in line), strict=True),
            *zip(self.detailed, (share * detailed for share in line), strict=False),
        ]
        return {file: share for file, share in both if share}


ALONE = Corners()
"""Of what has no corners at all."""


def corner_file(path: Path, corner: str) -> Path:
    """Return where a corner of a model lies."""
    return path.with_name(f"{path.stem}-{corner}{path.suffix}")


def detailed_file(path: Path) -> Path:
    """Return where the detailed corner beside a corner lies."""
    return corner_file(path, DETAIL)


def corners_of(path: Path) -> Corners:
    """Return a model's corners; a model that has no others is its own only one.

    Detailed corners count when there is one for each of the others.
    """
    beside = (corner_file(path, corner) for corner in COMPRESSED)
    faithful = (path, *(found for found in beside if found.is_file()))
    detailed = tuple(detailed_file(file) for file in faithful)
    return Corners(faithful, detailed if all(file.is_file() for file in detailed) else ())


def corner_names(corners: Corners) -> dict[Path, str]:
    """Return what each corner is called: what its file's name adds to the model's."""
    stem = corners.faithful[0].stem
    return {file: file.stem.removeprefix(stem).removeprefix("-") or CLEAN for file in corners.files}


def rounded(place: float) -> float:
    """Return the nearest place on an axis at which there is a mixture."""
    return round(place * POSITIONS) / POSITIONS


def shares(place: float, corners: int) -> list[float]:
    """Return the share of each corner: from the first at 0 to the last at 1, in a straight line between neighbours.

    >>> shares(0.25, 3)
    [0.5, 0.5, 0.0]
    >>> shares(1.0, 3)
    [0.0, 0.0, 1.0]
    """
    number = place * (corners - 1)
    return [max(0.0, 1 - abs(number - corner)) for corner in range(corners)]


def mixed_weights(corners: Corners, position: Position) -> Weights:
    """Return the weights at a position between corners.

    Raises:
        ModelError: a file cannot be read, or the corners are not of one topology.
    """
    mixture: Weights = {}
    for file, share in corners.shares(position).items():
        weights = {name: share * values if share != 1 else values for name, values in read_weights(file).items()}
        if not mixture:
            mixture = weights
            continue
        if {name: values.shape for name, values in weights.items()} != {
            name: values.shape for name, values in mixture.items()
        }:
            raise ModelError(
                f"not of the topology of {corners.faithful[0].name}; corners are fine-tuned from one model", where=file
            )
        mixture = {name: values + weights[name] for name, values in mixture.items()}
    return mixture


def mixed_facts(facts: Facts, position: Position, corners: Corners) -> Facts:
    """Return the facts of a mixture: the model's, with the corners' shares and without its scores."""
    names = corner_names(corners)
    blend = {names[file]: share for file, share in corners.shares(position).items()}
    return replace(facts, blend=blend, scores={})
