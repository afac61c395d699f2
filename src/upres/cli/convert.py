"""`upres convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upres.cli.terminal import say


def convert(
    model: Annotated[
        Path, typer.Argument(help="Weights that others published: .pth, .safetensors, …", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The .onnx or .safetensors file; by default .onnx beside the model.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name written into the file; the model file's.", show_default=False)
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence of the weights, written into the file.", show_default=False)
    ] = "",
) -> None:
    """Write other people's weights as a file of upres's own, with scale, radius and licence inside."""
    from upres.export.convert import convert as run

    written = run(model, output or model.with_suffix(".onnx"), name=name, licence=licence)
    facts = written.facts
    arch = " ".join(f"{key}={value}" if key != "name" else str(value) for key, value in facts.arch.items())
    sees = "sees the whole picture" if facts.radius is None else f"sees {facts.radius} pixels around"
    multiple = f", sides in multiples of {facts.multiple}" if facts.multiple > 1 else ""
    proved = "" if written.worst is None else f"; differs from PyTorch by at most {written.worst:.1e}"
    say(
        f"{written.path}: {facts.name}, ×{facts.scale}, {arch}, {facts.parameters:,} parameters, {sees}{multiple}, "
        f"licence {facts.licence or 'not told'}, {written.path.stat().st_size / 1e6:.2f} MB{proved}"
    )
