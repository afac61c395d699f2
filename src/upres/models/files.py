"""A model's file, and what it tells before any runtime opens it: here alone its suffix is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upres.errors import ModelError
from upres.models.corners import ALONE, ORIGIN, Corners, Position, corners_of
from upres.models.facts import Precision
from upres.models.onnx_facts import read_facts
from upres.models.shipped import int8_version

ONNX = ".onnx"
"""A graph with its weights; upres writes its facts into it."""

CHECKPOINT = ".safetensors"
"""Weights: with facts where upres trained or converted them, without where others published them."""

SAVED_BY_PYTORCH = (".pth", ".pt", ".ckpt", ".pkl", ".bin")
"""Weights that others published."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file, and which of its precisions need another file.

    Attributes:
        path: of the model.
        precision: the numbers in which its weights are stored; an int8 model runs in int8 alone.
        int8: the int8 version of a float32 model, or `None`; an int8 model itself.
        corners: the files of its corners (`upres.models.corners`); nothing for a checkpoint or an int8 model.
        position: the place between the corners that is wanted.
        foreign_graph: whether it is another program's graph, which PyTorch cannot build anew.
    """

    path: Path
    precision: Precision = "fp32"
    int8: Path | None = None
    corners: Corners = ALONE
    position: Position = ORIGIN
    foreign_graph: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The model's file, and the one of its int8 version."""
        return (self.path,) if self.int8 is None or self.int8 == self.path else (self.path, self.int8)

    def stores(self, precision: str) -> bool:
        """Return whether there are weights for a precision; bf16 and fp16 are made of float32 ones."""
        if self.precision == "int8":
            return precision == "int8"
        return precision != "int8" or self.int8 is not None

    def file_for(self, precision: str) -> Path:
        """Return the file that holds the weights for a precision.

        Raises:
            ModelError: there is none.
        """
        if precision != "int8":
            return self.path
        if self.int8 is None:
            raise ModelError(
                f"{int8_version(self.path)}: no such file; it would be the int8 version, which upres quantise makes"
            )
        return self.int8


def is_onnx(path: Path) -> bool:
    """Return whether a file is an ONNX graph rather than weights that PyTorch loads."""
    return path.suffix.lower() == ONNX


def model_file(path: Path) -> ModelFile:
    """Return what a file and its neighbours tell; only an ONNX file is read for it.

    Raises:
        ModelError: an ONNX file is missing, damaged or carries no facts.
    """
    if not is_onnx(path):
        return ModelFile(path)
    facts = read_facts(path)
    if facts.precision == "int8":
        return ModelFile(path, "int8", path, foreign_graph=facts.foreign_graph)
    beside = int8_version(path)
    int8 = beside if beside.is_file() else None
    return ModelFile(path, "fp32", int8, corners_of(path), foreign_graph=facts.foreign_graph)


def check_output(output: Path, *suffixes: str) -> None:
    """Refuse to write a model under a suffix that says something else.

    Raises:
        ModelError: names the suffixes that fit.
    """
    if output.suffix.lower() not in suffixes:
        raise ModelError(f"{output}: should end in {' or '.join(suffixes)}")
