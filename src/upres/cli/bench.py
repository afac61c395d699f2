"""`upres bench`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.evaluation.speed import SpeedRow


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Names of shipped models, or model files; all that are shipped.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Pictures to measure the loss on, as for upres evaluate; else estimated.", show_default=False
        ),
    ] = None,
    side: Annotated[int, typer.Option(help="Side of the square picture that is enlarged.")] = 256,
    seconds: Annotated[float, typer.Option(help="How long to measure each row.")] = 1.0,
    threads: Annotated[
        int | None, typer.Option(help="Threads to use; by default all cores.", show_default=False)
    ] = None,
) -> None:
    """Measure every model on every backend and precision of this machine, and say what auto picks."""
    from upres.cli.terminal import counter, say
    from upres.errors import ConfigError
    from upres.evaluation import speed
    from upres.evaluation.text_tables import text_table

    if side < 8 or seconds < 0 or (threads is not None and threads < 1):
        raise ConfigError("--side should be at least 8, --seconds at least 0 and --threads at least 1")
    found = speed.files(models or [])
    jobs = [
        speed.SpeedJob(model=model, execution=execution, side=side, seconds=seconds, threads=threads, data=data)
        for model in found
        for execution in speed.executions_here(model)
    ]
    rows: list[SpeedRow] = []
    progress = counter()
    for row in speed.bench(jobs):
        rows.append(row)
        progress(len(rows), len(jobs))
    header = ("model", "backend", "device", "precision", "ms per megapixel", "peak memory", "dB from fp32", "dB lost")
    say(*text_table(header, [_cells(row, speed.lost(row, rows)) for row in rows if not row.fault]).split("\n"))
    loss = "estimated for the best models of the scale" if data is None else f"luma PSNR, {data}"
    say("", f"{side}×{side} in, output megapixels, whole process; dB lost: {loss}.")
    for row in rows:
        if row.fault:
            say(f"{row.job.model.stem}, {row.job.execution}: {row.fault}")
    for model in found:
        for precision in ("fp32", "auto"):
            say(f"{model.stem}, --precision {precision} picks {speed.picked(model, precision, threads)}")


def _cells(row: SpeedRow, lost: float) -> tuple[str, ...]:
    execution = row.job.execution
    return (
        row.job.model.stem,
        execution.backend,
        execution.device,
        execution.precision,
        f"{row.milliseconds:.0f}",
        f"{row.memory / 1e6:.0f} MB" if row.memory else "-",
        "equal" if math.isinf(row.near) else f"{row.near:.1f}",
        "-" if math.isnan(lost) else f"{round(lost, 3) + 0.0:.3f}",
    )
