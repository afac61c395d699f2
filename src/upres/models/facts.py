"""What a model knows about itself, written into every model file so that nobody asks twice."""

from __future__ import annotations

import json
from dataclasses import field
from typing import Any, Literal

from upres.config import config, dump, parse
from upres.config.limits import MAX_REACH, MAX_SCALE
from upres.errors import ConfigError, ModelError, first_line

Colour = Literal["rgb", "gray", "luma"]
Precision = Literal["fp32", "int8"]

FOREIGN_GRAPH = "graph"
"""The architecture's name where the network is another program's ONNX graph, adopted by `upres convert`."""

# The key of the JSON text in safetensors' and ONNX's own metadata tables.
METADATA_KEY = "upres"


@config
class Facts:
    """The facts of one model; all lengths are low-resolution pixels.

    Attributes:
        name: what people call it.
        scale: output side ÷ input side.
        colour: what its channels are: `rgb` (3), `gray` (1), or `luma` (1, BT.601 Y of a colour picture).
        radius: how far, in pixels, an output pixel looks at the input; `None` when it looks at all of it.
        multiple: input sides must be multiples of this.
        precision: the numbers its weights are stored in; an int8 model multiplies in them too.
        memory: bytes that a prediction's activations take at once for each pixel of its lr input, float32, the input
            included; `None` where nobody worked it out. Runtimes hold somewhat more.
        parameters: how many numbers were trained.
        arch: the architecture's name and configuration, as a recipe writes them.
        degradation: how its training inputs were made.
        trained_on: the data, in words.
        licence: the licence of the weights.
        blend: the models whose weights were averaged into this one, and the share of each.
        scores: protocol → number, e.g. `{"Set5 psnr_y border 4": 31.2}`.
    """

    name: str
    scale: int
    colour: Colour = "rgb"
    radius: int | None = None
    multiple: int = 1
    precision: Precision = "fp32"
    memory: int | None = None
    parameters: int = 0
    arch: dict[str, Any] = field(default_factory=dict)
    degradation: dict[str, Any] = field(default_factory=dict)
    trained_on: str = ""
    licence: str = ""
    blend: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        largest = {"scale": MAX_SCALE, "multiple": MAX_REACH, "radius": MAX_REACH}
        for name, least in (("scale", 1), ("multiple", 1), ("radius", 0), ("memory", 0), ("parameters", 0)):
            value, most = getattr(self, name), largest.get(name, 2**63)
            if value is not None and not least <= value <= most:
                said = str(value) if abs(value) < 2**64 else "a number of many digits"
                raise ValueError(f"{name} = {said}: should be from {least} to {most}")

    @property
    def channels(self) -> int:
        """Number of channels the model takes and gives."""
        return 3 if self.colour == "rgb" else 1

    @property
    def foreign_graph(self) -> bool:
        """Whether the network is another program's graph, which PyTorch cannot build anew."""
        return bool(self.arch.get("name") == FOREIGN_GRAPH)


def to_json(facts: Facts) -> str:
    """Return the facts as one line of JSON."""
    return json.dumps(dump(facts), sort_keys=True)


def from_json(text: str | None, *, where: str) -> Facts:
    """Read facts back from a model file's metadata.

    Raises:
        ModelError: the file has none, or they are not ones this version understands.
    """
    if text is None:
        raise ModelError(
            f"{where}: carries no upres facts (scale, colour, radius); export it with upres export, "
            "or, where another program wrote it, give it to upres convert"
        )
    try:
        return parse(Facts, json.loads(text), where=where, key=METADATA_KEY)
    except RecursionError:
        raise ModelError(f"{where}: its upres facts cannot be read (nested too deeply); export it again") from None
    except (ValueError, ConfigError) as error:  # also of a number with more digits than Python reads
        raise ModelError(f"{where}: its upres facts cannot be read ({first_line(error)}); export it again") from error
