"""What one fine-tuning taught, added to another model of the same parent: START + (AFTER − BEFORE), tensor by tensor.

python -m tools.difference START.safetensors BEFORE.safetensors AFTER.safetensors -o OUTPUT.safetensors

So the corner `heavy-detail` is made: heavy + (light-detail − light). Ilharco et al., "Editing Models with Task
Arithmetic", ICLR 2023.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.common import argument_parser, run
from upres.models.checkpoint import load, save


def main() -> None:
    parser = argument_parser(__doc__)
    for name in ("start", "before", "after"):
        parser.add_argument(name, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    network, facts = load(given.start)
    before, after = (load(path)[0].state_dict() for path in (given.before, given.after))
    network.load_state_dict(
        {name: tensor + (after[name] - before[name]) for name, tensor in network.state_dict().items()}
    )
    save(given.output, network, replace(facts, scores={}))
    print(given.output)


if __name__ == "__main__":
    run(main)
