"""A run's report: one HTML file that shows everything and asks nobody for anything."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from upres import __version__
from upres.archs.outline import SIDE, Layer
from upres.archs.outline import rows as layer_rows
from upres.data.evenly_spaced import evenly_spaced
from upres.html.charts import svg
from upres.html.embedding import data_uri
from upres.html.page import page
from upres.models.facts import Facts
from upres.storage.atomic import write_whole
from upres.train.curves import RunRow, charts_of

_FOLDER = Path(__file__).parent
# Panels of this many epochs are shown, the first and the last among them.
_PANELS = 3


def write_report(
    folder: Path,
    facts: Facts,
    rows: Sequence[RunRow],
    *,
    layers: Sequence[Layer],
    ended: str,
    reached: tuple[float, int],
    best: float | None,
    baseline: float | None,
    environment: Mapping[str, str],
    metrics: Collection[str] = (),
) -> Path:
    """Write `report.html` into a run folder from what lies there and what the run knows; return its path.

    Args:
        folder: the run folder, with `recipe.yaml` and `samples/` where there are.
        facts: of the model.
        rows: of metrics.csv.
        layers: of the network.
        ended: how the run ended, in words.
        reached: epochs and steps that lie behind.
        best: the epoch whose weights are kept.
        baseline: bicubic's PSNR on the validation pictures.
        environment: what it ran on.
        metrics: what was measured on the training crops, by name.
    """
    recipe = folder / "recipe.yaml"
    kept = next((row for row in rows if row["epoch"] == best), rows[-1] if rows else None)
    seconds = sum(row["seconds"] for row in rows)
    html = page(
        _FOLDER / "report.html",
        title=f"{facts.name}: a training run",
        styles=[_FOLDER / "report.css"],
        name=escape(facts.name),
        ended=escape(ended),
        epochs=f"{reached[0]:g}",
        steps=f"{reached[1]:,}",
        numbers=_numbers(kept, best, baseline, facts, seconds),
        charts="\n".join(svg(chart) for chart in (charts_of(rows, baseline, metrics) if rows else ())),
        panels="\n".join(_panel(path) for path in _some(_panels(folder / "samples"))),
        facts=_terms({key: _words(value) for key, value in vars(facts).items() if value not in ("", None, {})}),
        environment=_terms(environment),
        recipe=escape(recipe.read_text(encoding="utf-8")) if recipe.is_file() else "",
        layers=_layers(layers),
        table=_table(rows),
    )
    path = folder / "report.html"
    write_whole(path, html)
    return path


def environment_of(trainer: pl.Trainer) -> dict[str, str]:
    """Return what a run ran on: versions, machine, devices, processes."""
    device = trainer.strategy.root_device
    named = f"CPU, {torch.get_num_threads()} threads a process"
    if device.type != "cpu":
        named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"GPU ({device.type})"
    return {
        "upres": __version__,
        "PyTorch": f"{torch.__version__}, Lightning {version('pytorch-lightning')}, NumPy {np.__version__}",
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "device": named,
        "processes": f"{trainer.world_size} on {trainer.num_nodes} machine{'s' if trainer.num_nodes > 1 else ''}",
        "precision": str(trainer.precision),
    }


def _numbers(kept: RunRow | None, best: float | None, baseline: float | None, facts: Facts, seconds: float) -> str:
    numbers = []
    if kept is not None:
        numbers.append(("validation PSNR of the kept weights", f"{kept['val_psnr']:.2f}", "dB"))
    if baseline is not None and kept is not None:
        psnr = kept["val_psnr"]
        numbers.append(("against bicubic", f"{psnr - baseline:+.2f}".replace("-", "−"), "dB"))
    numbers += [
        ("kept from epoch", "–" if best is None else f"{best:g}", ""),
        ("parameters", f"{facts.parameters:,}", ""),
        ("time", *_duration(seconds)),
    ]
    return "".join(
        f"<div><dt>{escape(term)}</dt><dd>{value} <small>{unit}</small></dd></div>" for term, value, unit in numbers
    )


def _duration(seconds: float) -> tuple[str, str]:
    if seconds < 120:
        return f"{seconds:.0f}", "s"
    return (f"{seconds / 60:.0f}", "min") if seconds < 7200 else (f"{seconds / 3600:.1f}", "h")


def _panel(path: Path) -> str:
    unit, number = path.stem.split("_")
    uri = data_uri(path.read_bytes(), "png")
    return f'<figure><img src="{uri}" alt="Validation pictures after {unit} {int(number):,}"></figure>'


def _panels(folder: Path) -> list[Path]:
    """Return the panels in the order in which they were drawn: those of epochs, else those of steps."""
    return sorted(folder.glob("epoch_*.png")) or sorted(folder.glob("step_*.png"))


def _some(paths: Sequence[Path]) -> list[Path]:
    return [paths[place] for place in reversed(evenly_spaced(len(paths), _PANELS))]


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _terms(values: Mapping[str, str]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in values.items())


def _layers(layers: Sequence[Layer]) -> str:
    head = "".join(f"<th>{word}</th>" for word in ("layer", "kind", f"output for {SIDE} pixels a side", "parameters"))
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in layer_rows(layers))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _table(rows: Sequence[RunRow]) -> str:
    names = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{row[name]:.6g}</td>' if name in row else '<td></td>' for name in names)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
