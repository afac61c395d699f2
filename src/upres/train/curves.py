"""The curves of a run: said once, drawn into its report and into loss.png."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from upres.html.charts import Chart, Line

RunRow = dict[str, float]
"""What metrics.csv says of one validation."""


def charts_of(rows: Sequence[RunRow], baseline: float | None, metrics: Collection[str] = ()) -> list[Chart]:
    """Return PSNR, the loss, the metrics, each term of the loss, the discriminator, the rates.

    Args:
        rows: of metrics.csv.
        baseline: bicubic's PSNR on the validation pictures.
        metrics: what is measured on the training crops, by name.
    """

    def line(name: str, style: str, column: str) -> Line:
        return Line(name, style, [(row["epoch"], row.get(column, float("nan"))) for row in rows])

    columns = list(dict.fromkeys(name for row in rows for name in row))
    # Bicubic is without error on flat pictures; no line can be drawn at an infinite value.
    level = None if baseline is None or not math.isfinite(baseline) else ("bicubic", baseline)

    def both(name: str) -> list[Line]:
        return [line("training", "first", f"train_{name}"), line("validation", "second", f"val_{name}")]

    psnr = (
        Chart("PSNR", "dB", both("psnr"), level)
        if "train_psnr" in columns
        else Chart("PSNR", "dB, validation", [line("ours", "second", "val_psnr")], level)
    )
    drawn = [psnr, Chart("Loss", "weighted sum", both("loss"))]
    terms = [name.removeprefix("val_") for name in columns if name.startswith("val_")]
    terms = [name for name in terms if name not in ("psnr", "loss")]
    validated = [name for name in terms if f"train_{name}" not in columns]
    drawn += [Chart(name, "training and validation", both(name)) for name in terms if name in metrics]
    drawn += [Chart(name, "validation", [line("ours", "second", f"val_{name}")]) for name in validated]
    terms = [name for name in terms if name not in (*validated, *metrics)]
    drawn += [Chart(name, "without its weight", both(name)) for name in (terms if len(terms) > 1 else ())]
    if "train_discriminator" in columns:
        losses = [
            line("generator", "first", "train_adversarial"),
            line("discriminator", "second", "train_discriminator"),
        ]
        right = [line("real", "first", "train_real_accuracy"), line("fake", "second", "train_fake_accuracy")]
        drawn.append(Chart("Adversarial losses", "training", losses))
        drawn.append(Chart("Discriminator's accuracy", "share told right, training", right))
    for column in columns:
        if column.endswith("_psnr") and column not in ("train_psnr", "val_psnr"):
            drawn.append(Chart(f"PSNR, {column.removesuffix('_psnr')}", "dB", [line("ours", "second", column)]))
    rates = [line("network", "first", "rate")]
    if "discriminator_rate" in columns:
        rates.append(line("discriminator", "second", "discriminator_rate"))
    return [*drawn, Chart("Learning rate", "at the end of the epoch", rates)]
