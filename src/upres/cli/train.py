"""`upres train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe file, or the name of a recipe that comes with upres.", show_default=False),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that the recipe's data paths are relative to.", show_default=False),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder; by default runs/NAME.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe; may be repeated."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run folder's last.ckpt.")] = False,
) -> None:
    """Train a network by a recipe, into a run folder with its weights, curves and samples."""
    import sys

    from upres.errors import extra

    with extra("train", "upres train"):
        from upres.recipes import read_recipe, run_recipe

    resolved = read_recipe(recipe, settings=settings or [], data=data)
    bar = sys.stderr.isatty()
    folder = run or Path("runs") / resolved.name
    best = run_recipe(
        resolved, folder, resume=resume, bar=bar, report=lambda line: print(line, file=sys.stderr, flush=True)
    )
    print(f"{best}")
