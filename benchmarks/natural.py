"""How natural do pictures look by themselves? niqe-upres of originals and of what models make of them; less is better.

python -m benchmarks.natural --data DATA [--sets Set5 BSD100] [--scale 4] [--limit 20] [MODEL …]

DATA holds the sets as folders; lr is their own, or MATLAB-bicubic.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import argument_parser, run
from upres.evaluation.evaluate import Entrant, evaluate, open_entrants
from upres.evaluation.test_sets import TestSet, open_test_set
from upres.evaluation.text_tables import text_table
from upres.metrics import metric, niqe_upres

NAME = "niqe-upres"


def column(entrants: Sequence[Entrant], test_set: TestSet) -> list[str]:
    """Return the originals' mean, then each model's."""
    originals = np.mean([niqe_upres(picture.hr) for picture in test_set.pictures()])
    found = evaluate(entrants, test_set, metrics={NAME: metric(NAME)})
    return [f"{value:.2f}" for value in (originals, *(found.mean(one.name, NAME) for one in entrants))]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("models", nargs="*", default=["bicubic", "fast", "base", "best"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=("Set5", "BSD100"))
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    given = parser.parse_args()
    entrants = open_entrants(given.models, given.scale)
    columns = [
        column(entrants, open_test_set(given.data / name, given.scale, limit=given.limit)) for name in given.sets
    ]
    print(f"niqe-upres, ×{given.scale}: {metric(NAME).words}; mean over pictures\n")
    rows = zip(("originals", *(one.name for one in entrants)), *columns, strict=True)
    print(text_table(("", *given.sets), [list(row) for row in rows]))


if __name__ == "__main__":
    run(main)
