"""`upres evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Space(StrEnum):
    """Where pictures are compared."""

    luma = "luma"
    rgb = "rgb"
    gray = "gray"


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(help="Names of shipped models, .onnx or .safetensors files, or bicubic.", show_default=False),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Folder of pictures; folder with HR and LRx<scale>; or where CIFAR-10 lies.", show_default=False
        ),
    ],
    scale: Annotated[int, typer.Option(help="Output side ÷ input side.")] = 4,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path("evaluation"),
    space: Annotated[
        Space | None, typer.Option(help="Compare luma, rgb or gray; luma, for CIFAR-10 rgb.", show_default=False)
    ] = None,
    border: Annotated[
        int | None, typer.Option(help="Pixels shaved off; the scale, for CIFAR-10 0.", show_default=False)
    ] = None,
    antialias: Annotated[bool, typer.Option(help="Antialias when making low resolution.")] = True,
    limit: Annotated[
        int | None, typer.Option(help="Use only this many pictures, evenly spread.", show_default=False)
    ] = None,
) -> None:
    """Measure models on pictures: one table, a CSV of every picture, a JSON, triplets to look at."""
    import sys

    from upres import report
    from upres.errors import ConfigError
    from upres.evaluate import Entrant, open_test_set
    from upres.evaluate import evaluate as run
    from upres.metrics import Protocol
    from upres.predictors import open_predictor
    from upres.upscaler import Upscaler

    if scale < 1 or (border is not None and border < 0) or (limit is not None and limit < 1):
        raise ConfigError("--scale and --limit should be at least 1, --border at least 0")
    test_set = open_test_set(data, scale, antialias=antialias, limit=limit)
    default_space, default_border = ("rgb", 0) if test_set.small else ("luma", scale)
    protocol = Protocol(
        space=space.value if space is not None else default_space,  # type: ignore[arg-type]
        border=default_border if border is None else border,
    )
    entrants = []
    for name in dict.fromkeys(models):
        predictor = open_predictor(name, scale)
        entrants.append(Entrant(name, predictor.facts.parameters, Upscaler(predictor)))
    terminal = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if terminal and (done % 20 == 0 or done == total):
            print(f"\r{done:,} of {total:,}", end="" if done < total else "\r\033[K", file=sys.stderr, flush=True)

    evaluation = run(entrants, test_set, scale=scale, protocol=protocol, progress=progress)
    print(report.evaluation_table(evaluation))
    written = report.write_evaluation(evaluation, output)
    try:
        written.append(report.write_triplets(evaluation, output / "triplets.png"))
    except ImportError:
        print('triplets.png needs matplotlib: pip install "upres[train]"', file=sys.stderr)
    print("\n" + "\n".join(str(path) for path in written))
