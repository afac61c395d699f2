"""Weights that others published: do they reach their published scores here, and how fast are they? One table.

python -m benchmarks.peers --weights PEERS --data DATA [NAME …]

PEERS holds the files, DATA the sets as folders. Every file is converted to ONNX first, as `upres convert` does;
scores and times are those of the converted file in ONNX Runtime, in float32. Scores are luma PSNR of 8-bit pictures,
border = scale, lr by MATLAB's bicubic.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common import argument_parser, machine, medians, run
from upres.evaluation.evaluate import entrant, evaluate
from upres.evaluation.test_sets import open_test_set
from upres.evaluation.text_tables import text_table
from upres.export.convert import convert
from upres.metrics import metric
from upres.predictors import Predictor, open_predictor

SETS = ("Set5", "BSD100")
SIDE = 256


@dataclass(frozen=True)
class Peer:
    """A file of weights and its scores on the sets; `source` says whose figures they are."""

    file: str
    published: tuple[float | None, float | None] = (None, None)
    source: str = "authors"


# PlainUSR's authors publish pictures of curves; its scores are those of an earlier measurement with another program.
PEERS = (
    Peer("PlainUSRU_Rep_x2", (37.10, 31.56), "measured before"),
    Peer("PlainUSRT_Rep_x2", (37.46, 31.77), "measured before"),
    Peer("PlainUSRS_Rep_x2", (37.64, 31.93), "measured before"),
    Peer("PlainUSRM_Rep_x2", (37.79, 32.06), "measured before"),
    Peer("PlainUSR_Rep_x2", (37.95, 32.15), "measured before"),
    Peer("rlfn_s_x2"),
    Peer("SMFANet_DIV2K_100w_x2SR", (38.04, 32.19)),
    Peer("PlainUSRU_Rep_x4", (30.77, 27.03), "measured before"),
    Peer("PlainUSRT_Rep_x4", (31.20, 27.20), "measured before"),
    Peer("PlainUSRS_Rep_x4", (31.56, 27.30), "measured before"),
    Peer("PlainUSRM_Rep_x4", (31.79, 27.43), "measured before"),
    Peer("PlainUSR_Rep_x4", (32.02, 27.54), "measured before"),
    Peer("rlfn_s_x4", (32.23, 27.58)),
    Peer("SMFANet_DIV2K_100w_x4SR", (32.25, 27.61)),
    Peer("team00_SPAN"),
    Peer("realesr-animevideov3"),
)


def score(predictor: Predictor, folder: Path, limit: int | None) -> float:
    """Return the mean PSNR over a set's pictures."""
    test_set = open_test_set(folder, predictor.facts.scale, limit=limit)
    return evaluate([entrant("", predictor)], test_set, metrics={"psnr": metric("psnr")}).mean("", "psnr")


def cells(published: float | None, measured: float) -> list[str]:
    """Return the published score, the measured one and the difference as text."""
    if published is None:
        return ["-", f"{measured:.3f}", "-"]
    return [f"{published:.2f}", f"{measured:.3f}", f"{measured - published:+.3f}"]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("names", nargs="*", help="files without their suffix; all that are known")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    parser.add_argument("--repeats", type=int, default=9, help="runs that the time is the median of; 0 for no times")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(machine("torch", "onnxruntime"), flush=True)
    known = {peer.file: peer for peer in PEERS}
    wanted = [known.get(name, Peer(name)) for name in arguments.names] or list(PEERS)
    predictors: list[Predictor] = []
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for peer in wanted:
            written = convert(arguments.weights / f"{peer.file}.pth", Path(temporary) / f"{peer.file}.onnx")
            predictor = open_predictor(written.path, backend="onnx", threads=arguments.threads)
            facts = written.facts
            row = [peer.file, str(facts.arch["name"]), f"×{facts.scale}", f"{facts.parameters:,}"]
            for name in arguments.sets:
                count = open_test_set(arguments.data / name, facts.scale).count
                whole = arguments.limit is None or arguments.limit >= count
                published = peer.published[SETS.index(name)] if whole else None  # a score is that of all pictures
                row += cells(published, score(predictor, arguments.data / name, arguments.limit))
            print("  ".join(row), flush=True)  # the whole table takes minutes
            predictors.append(predictor)
            rows.append([*row, "-" if peer.published[0] is None else peer.source])
        if arguments.repeats:
            lr = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
            for row, seconds in zip(
                rows, medians([partial(one.predict, lr) for one in predictors], arguments.repeats), strict=True
            ):
                row.append(f"{seconds * 1e3:.0f}")
    head = ["weights", "network", "scale", "parameters"]
    for name in arguments.sets:
        head += [name, "here", "difference"]
    print()
    print(text_table([*head, "whose figures", *([f"ms, 3×{SIDE}×{SIDE}"] if arguments.repeats else [])], rows))


if __name__ == "__main__":
    run(main)
