"""`upres pack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pack(
    data: Annotated[
        list[str],
        typer.Argument(
            help="Folders, .npz files or hf://owner/name; options follow a question mark, as in 'photos?shrink=2'.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the two files.")] = Path("patches"),
    scale: Annotated[int, typer.Option(help="Side of an original patch ÷ side of its partner.")] = 4,
    patch: Annotated[int, typer.Option(help="Side of an original patch, in pixels.")] = 128,
    stride: Annotated[
        int | None,
        typer.Option(help="Pixels from one patch to the next; the side of a patch.", show_default=False),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="Cut so many from each picture, in random places, instead of all.", show_default=False),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Stop after so many patches.", show_default=False)] = None,
    degradation: Annotated[
        str, typer.Option(help="How partners are made; options follow a question mark.")
    ] = "bicubic",
    seed: Annotated[int, typer.Option(help="Decides all that is random.")] = 0,
) -> None:
    """Cut pictures into patches: hr_images.npz, and hr_lr_images.npz with their low-resolution partners."""
    from upres.cli.terminal import counter, say
    from upres.config.named_parts import build, parse_line
    from upres.data import open_source
    from upres.errors import extra

    with extra("train", "upres pack"):
        from upres.data.pack import Cut
        from upres.data.pack import pack as run
        from upres.degrade import DEGRADATIONS

    part = parse_line(DEGRADATIONS, degradation, where="--degradation")
    cut = Cut(scale=scale, patch=patch, stride=stride, count=count, limit=limit, seed=seed)
    sources = [open_source(line, scale=scale) for line in data]
    for source in sources:
        say(source.describe(), error=True)
    packed = run(sources, build(DEGRADATIONS, part), output, cut, degraded=part.dump(), progress=counter("pictures"))
    say(
        f"{packed.pairs:,} pairs of {patch}×{patch} and {patch // scale}×{patch // scale} "
        f"from {packed.pictures:,} pictures"
        f"{f'; {packed.flat:,} of one colour left out' if packed.flat else ''}",
        f"{packed.hr}",
        f"{packed.both}",
    )
