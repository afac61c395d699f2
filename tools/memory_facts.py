"""Write into the shipped models what a prediction holds in memory (`Facts.memory`); their graphs stay as they are.

python -m tools.memory_facts          # once after a change of how it is worked out; export writes it into new models

An int8 model gets what its float32 model has: it holds no more.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.common import argument_parser
from upres.models import shipped
from upres.models.activations import activation_bytes
from upres.models.checkpoint import load_onnx
from upres.models.files import model_file
from upres.models.onnx_facts import read_facts, write_facts


def write_memory(path: Path) -> int | None:
    """Write it into a float32 ONNX file that upres exported, and into its int8 version; return it."""
    network, _ = load_onnx(path)
    memory = activation_bytes(network)
    for file in model_file(path).files:
        write_facts(file, dataclasses.replace(read_facts(file), memory=memory))
    return memory


def main() -> None:
    argument_parser(__doc__).parse_args()
    for model in shipped.shipped():
        print(f"{model.path.name}: {write_memory(model.path)} bytes a pixel of its input")


if __name__ == "__main__":
    main()
