"""`upres export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upres.cli.terminal import say


def export(
    model: Annotated[Path, typer.Argument(help="A trained .safetensors model.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; by default beside the model.", show_default=False),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name written into the file.", show_default=False)] = None,
) -> None:
    """Write a trained model as an ONNX file that needs no PyTorch, proved to give the same pixels."""
    from upres.export.onnx import export_onnx

    written = export_onnx(model, output or model.with_suffix(".onnx"), name=name)
    size = written.path.stat().st_size / 1e6
    say(
        f"{written.path}: {written.facts.name}, ×{written.facts.scale}, {written.facts.parameters:,} parameters, "
        f"{size:.2f} MB; differs from PyTorch by at most {written.worst:.1e}"
    )
