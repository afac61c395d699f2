"""`upres convert`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upres.cli.terminal import counter, say, show

if TYPE_CHECKING:
    from upres.export.adopt import Adopted
    from upres.export.convert import Converted


def convert(
    model: Annotated[
        Path,
        typer.Argument(
            help="Weights that others published (.pth, .safetensors, …), or an .onnx graph of another program.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The .onnx or .safetensors file; by default .onnx beside the model, of net.onnx net-upres.onnx.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name written into the file; the model file's.", show_default=False)
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence of the weights, written into the file.", show_default=False)
    ] = "",
    scale: Annotated[
        int | None,
        typer.Option(
            help="Of a graph: by how much it enlarges; where it keeps the size, by how much bicubic does before it.",
            show_default=False,
        ),
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Of a graph: nchw or nhwc; found out otherwise.", show_default=False)
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            help="Of a graph: unit (0 to 1), byte (0 to 255), signed (-1 to 1), or unit:signed for input and output; "
            "found out otherwise.",
            show_default=False,
        ),
    ] = None,
    colour: Annotated[
        str | None, typer.Option(help="Of a graph: rgb, bgr, luma or gray; found out otherwise.", show_default=False)
    ] = None,
) -> None:
    """Write other people's weights or ONNX graphs as a file of upres's own, with scale, radius and licence inside."""
    from upres.export.convert import convert as run
    from upres.export.convert import default_output

    try:
        written = run(
            model,
            output or default_output(model),
            name=name,
            licence=licence,
            scale=scale,
            layout=layout,
            range=range_,
            colour=colour,
            progress=counter("steps"),
        )
    finally:
        show("")
    say(_line(written))
    if written.adopted is not None:
        say(*_found(written.adopted))


def _line(written: Converted) -> str:
    facts = written.facts
    arch = " ".join(f"{key}={value}" if key != "name" else str(value) for key, value in facts.arch.items())
    sees = "sees the whole picture" if facts.radius is None else f"sees {facts.radius} pixels around"
    multiple = f", sides in multiples of {facts.multiple}" if facts.multiple > 1 else ""
    other = "PyTorch" if written.adopted is None else "the original"
    proved = "" if written.worst is None else f"; differs from {other} by at most {written.worst:.1e}"
    return (
        f"{written.path}: {facts.name}, ×{facts.scale}, {arch}, {facts.parameters:,} parameters, {sees}{multiple}, "
        f"licence {facts.licence or 'not told'}, {written.path.stat().st_size / 1e6:.2f} MB{proved}"
    )


def _found(adopted: Adopted) -> list[str]:
    """Say what was found out, and how sure it is."""
    from upres.export.wrapping import IN_WORDS

    finding, wrapping = adopted.finding, adopted.finding.wrapping
    compared = [f"{finding.psnr:.2f} dB from a photograph"]
    if math.isfinite(finding.bicubic):  # of what keeps the size there is nothing to be reduced
        compared.append(f"bicubic {finding.bicubic:.2f}")
    if finding.next is not None:
        compared.append(f"as {finding.next[0]} {finding.next[1]:.2f}")
    lines = [f"  takes {IN_WORDS[wrapping.takes]}, gives {IN_WORDS[wrapping.gives]}: {', '.join(compared)}"]
    if finding.reversed is not None:
        other = "bgr" if wrapping.order == "rgb" else "rgb"
        lines.append(f"  {wrapping.order}: as {other} {finding.reversed:.2f} dB")
    if finding.colour in ("luma", "gray"):
        lines.append(f"  {finding.colour}: one channel; whether black is 16 (luma) or 0 (gray) cannot be found out")
    if wrapping.enlarged > 1:
        lines.append(f"  keeps the size: bicubic enlarges ×{wrapping.enlarged} before it")
    lines.append(
        "  tiles are blended: it sees the whole picture, or depends on its size"
        if adopted.tiles is None
        else f"  tiles give the whole picture: at most {adopted.tiles:.1e} apart"
    )
    return lines
