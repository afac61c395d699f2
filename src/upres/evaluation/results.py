"""What an evaluation leaves: a table, a CSV of every picture, a JSON with the protocol."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

from upres.evaluation.statistics import Evaluation
from upres.evaluation.text_tables import latex_table, markdown_table, text_table
from upres.storage.atomic import write_whole

STYLES = ("text", "markdown", "latex", "csv")
"""How tables are laid out: for a terminal, for a page, for a paper, for a program."""


def evaluation_table(evaluation: Evaluation) -> str:
    """Return the table that `upres evaluate` prints, its conditions on the line above it."""
    return evaluation_tables([evaluation])


def evaluation_tables(evaluations: Sequence[Evaluation], style: str = "text") -> str:
    """Return the tables of test sets that the same models were measured on, a block for each.

    Below the means stand the differences from the first model, where there are several.

    Args:
        evaluations: one a test set.
        style: one of `STYLES`.
    """
    if style == "csv":
        return _csv(evaluations)
    if style == "latex":
        return _latex(evaluations)
    lay_out = markdown_table if style == "markdown" else text_table
    tables = []
    for evaluation in evaluations:
        parts = [evaluation.describe(), lay_out(*_means(evaluation))]
        differences = _differences(evaluation)
        if differences[1]:
            parts.append(lay_out(*differences))
        tables.append("\n\n".join(parts))
    return "\n\n".join(tables)


_COLUMNS = (
    *("data", "pictures", "scale", "protocol", "model", "parameters", "seconds", "runtime", "metric", "mean"),
    *("deviation", "low", "high", "difference", "difference_low", "difference_high", "p"),
)
_Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def _listed(evaluation: Evaluation) -> list[str]:
    return [name for name, metric in evaluation.metrics.items() if metric.listed]


def _means(evaluation: Evaluation) -> _Table:
    """Return header and rows: a model a row; what ran it, where the models' runtimes differ."""
    runtimes = evaluation.runtimes
    several = len({how for how in runtimes.values() if how}) > 1
    header = ["model", *(evaluation.metrics[name].heading for name in _listed(evaluation)), "seconds", "parameters"]
    rows = [
        [
            model,
            *(_mean_text(evaluation, model, name) for name in _listed(evaluation)),
            f"{evaluation.seconds(model):.2f}",
            f"{parameters:,}",
            *([runtimes[model]] if several else []),
        ]
        for model, parameters in evaluation.parameters.items()
    ]
    return [*header, *(["runtime"] if several else [])], rows


def _mean_text(evaluation: Evaluation, model: str, metric: str) -> str:
    digits = evaluation.metrics[metric].digits
    mean, deviation = evaluation.mean(model, metric), evaluation.deviation(model, metric)
    if not math.isfinite(deviation):
        return f"{mean:.{digits}f}"
    low, high = evaluation.interval(model, metric) or (math.nan, math.nan)
    return f"{mean:.{digits}f} ± {deviation:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _differences(evaluation: Evaluation) -> _Table:
    """Return header and rows: how far every other model is from the first, and whether that may be chance."""
    first, *others = evaluation.models
    header = [f"difference from {first}", *(evaluation.metrics[name].title for name in _listed(evaluation))]
    rows = [[model, *(_difference_text(evaluation, model, name) for name in _listed(evaluation))] for model in others]
    return header, rows if any(cell for row in rows for cell in row[1:]) else []


def _difference_text(evaluation: Evaluation, model: str, metric: str) -> str:
    found, digits = evaluation.difference(model, evaluation.models[0], metric), evaluation.metrics[metric].digits
    if found is None:
        return ""
    return f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}] p {found.p:.2g}"


def _latex(evaluations: Sequence[Evaluation]) -> str:
    header = next((header for header, _ in map(_means, evaluations) if "runtime" in header), _means(evaluations[0])[0])
    blocks, differences, about = [], [], []
    for evaluation in evaluations:
        name = f"{evaluation.test_set.name} (×{evaluation.test_set.scale}, {evaluation.test_set.count:,} pictures)"
        blocks.append((name, _means(evaluation)[1]))
        differences.append((name, _differences(evaluation)[1]))
        about.append(f"% {evaluation.describe()}")
    parts = ["\n".join(about), latex_table(header, blocks)]
    if any(rows for _, rows in differences):
        parts.append(latex_table(_differences(evaluations[0])[0], differences))
    return "\n\n".join(parts)


def _csv(evaluations: Sequence[Evaluation]) -> str:
    """Return a row a test set, model and metric, at full precision; differences are those from the first model."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for evaluation in evaluations:
        test_set, protocol = evaluation.test_set, evaluation.protocol.describe()
        for model, parameters in evaluation.parameters.items():
            for name in evaluation.metrics:
                deviation, span = evaluation.deviation(model, name), evaluation.interval(model, name)
                first = evaluation.models[0]
                apart = None if model == first else evaluation.difference(model, first, name)
                writer.writerow(
                    (test_set.name, test_set.count, test_set.scale, protocol, model, parameters)
                    + (f"{evaluation.seconds(model):.4f}", evaluation.runtimes[model], name)
                    + (repr(evaluation.mean(model, name)), repr(deviation) if span else "")
                    + (tuple(map(repr, span)) if span else ("", ""))
                    + (("", "", "", "") if apart is None else tuple(map(repr, vars(apart).values())))
                )
    return text.getvalue().rstrip("\n")


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write `evaluation.json` and `pictures.csv`; return their paths."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "picture", "hr_width", "hr_height", *evaluation.metrics, "seconds"))
    for score in evaluation.scores:
        numbers = (f"{score.values[metric]:.6f}" for metric in evaluation.metrics)
        writer.writerow((score.model, score.picture, score.width, score.height, *numbers, f"{score.seconds:.5f}"))
    paths = [folder / "evaluation.json", folder / "pictures.csv"]
    write_whole(paths[0], json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n")
    write_whole(paths[1], f"# {evaluation.describe()}\n{text.getvalue()}")
    return paths
