"""What an evaluation leaves: a table, a CSV of every picture, a JSON with the protocol."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from upres.evaluation.statistics import Evaluation
from upres.evaluation.text_tables import text_table
from upres.storage.atomic import write_whole


def evaluation_table(evaluation: Evaluation) -> str:
    """Return the table that `upres evaluate` prints, its conditions on the line above it."""
    shown = [name for name, metric in evaluation.metrics.items() if metric.listed]
    header = ("model", *(evaluation.metrics[name].heading for name in shown), "seconds", "parameters")
    rows = [
        (
            model,
            *(_mean_text(evaluation, model, name) for name in shown),
            f"{evaluation.seconds(model):.2f}",
            f"{parameters:,}",
        )
        for model, parameters in evaluation.parameters.items()
    ]
    return f"{evaluation.describe()}\n\n{text_table(header, rows)}"


def _mean_text(evaluation: Evaluation, model: str, metric: str) -> str:
    digits = evaluation.metrics[metric].digits
    mean, deviation = evaluation.mean(model, metric), evaluation.deviation(model, metric)
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}" if math.isfinite(deviation) else f"{mean:.{digits}f}"


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write `evaluation.json` and `pictures.csv`; return their paths."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "picture", "width", "height", *evaluation.metrics, "seconds"))
    for score in evaluation.scores:
        numbers = (f"{score.values[metric]:.6f}" for metric in evaluation.metrics)
        writer.writerow((score.model, score.picture, score.width, score.height, *numbers, f"{score.seconds:.5f}"))
    paths = [folder / "evaluation.json", folder / "pictures.csv"]
    write_whole(paths[0], json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n")
    write_whole(paths[1], f"# {evaluation.describe()}\n{text.getvalue()}")
    return paths
