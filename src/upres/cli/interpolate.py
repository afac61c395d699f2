"""`upres interpolate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upres.cli.terminal import say


def interpolate(
    first: Annotated[Path, typer.Argument(help="A .safetensors model, e.g. one trained for PSNR.", show_default=False)],
    second: Annotated[
        Path, typer.Argument(help="Another of the same shape, e.g. the GAN that started from it.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.", show_default=False)],
    alpha: Annotated[float, typer.Option(help="The second model's share, from 0 to 1.")] = 0.8,
) -> None:
    """Mix the weights of two models of one shape: less invented texture than the GAN, more than the other."""
    from upres.errors import extra

    with extra("train", "upres interpolate"):
        from upres.export.interpolate import interpolate as between

    facts = between(first, second, output, alpha=alpha)
    shares = " + ".join(f"{share:g} × {name}" for name, share in facts.blend.items())
    say(f"{output}: {facts.name}, ×{facts.scale}, {shares}")
