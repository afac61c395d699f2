"""Fit the model of natural pictures that the metric niqe-upres measures with, on pristine pictures.

python -m tools.niqe PHOTOS/cid22 "PHOTOS/gb82?take=15" "PHOTOS/budgie?shrink=3" [--output FILE]

Each SOURCE is one in a line, as `upres evaluate --data` takes it. It prints what src/upres/models/niqe-upres.md says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, run
from upres.data import open_source
from upres.metrics.niqe import MODEL, fit
from upres.storage.atomic import whole_file


def pictures(sources: list[str]) -> Iterator[NDArray[np.uint8]]:
    """Give each picture of the sources, one in memory at a time."""
    for text in sources:
        source = open_source(text)
        print(f"{Path(text).name}: {len(source)} pictures", flush=True)
        for index in range(len(source)):
            yield source.sample(index).hr


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--output", type=Path, default=MODEL)
    given = parser.parse_args()
    model, blocks = fit(pictures(given.sources))
    with whole_file(given.output) as temporary:
        np.savez(temporary, mean=model.mean, covariance=model.covariance)
    print(f"{blocks} sharp blocks → {given.output}")


if __name__ == "__main__":
    run(main)
