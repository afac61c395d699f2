"""`upres quantise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upres.cli.terminal import counter, say


def quantise(
    model: Annotated[Path, typer.Argument(help="A float32 .onnx model.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="Folder of pictures to calibrate on; not those you test on.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The int8 .onnx file; by default NAME-int8.onnx beside the model, where --precision int8 finds it.",
            show_default=False,
        ),
    ] = None,
    patches: Annotated[int, typer.Option(help="Patches to calibrate on.")] = 32,
    spare_first: Annotated[int, typer.Option(help="Convolutions at the beginning that stay float32.")] = 2,
    spare_last: Annotated[
        int | None,
        typer.Option(
            help="Convolutions at the end that stay float32; by default 3 of many, 1 of few.", show_default=False
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(help="Train the weights for so many batches of these pictures to give what float32 gives."),
    ] = 0,
) -> None:
    """Write the int8 version of a model: smaller, and faster on most processors; measure what it costs."""
    from upres.export.quantise import quantise as run

    tell = counter("steps", every=10)
    written = run(
        model,
        data,
        output,
        patches=patches,
        spare_first=spare_first,
        spare_last=spare_last,
        steps=steps,
        told=lambda step, _: tell(step, steps),
    )
    size = written.path.stat().st_size / 1e6
    say(
        f"{written.path}: {written.facts.name}, ×{written.facts.scale}, {written.layers[0]} of {written.layers[1]} "
        f"convolutions in int8, {size:.2f} MB; {written.psnr:.1f} dB from float32. "
        f"What that costs: upres evaluate {model} {written.path} --data DIR --scale {written.facts.scale}"
    )
