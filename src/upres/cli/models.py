"""`upres models`: what comes inside the package."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """List the models that come with upres."""
    from upres.cli.terminal import say
    from upres.config import dump
    from upres.evaluation.text_tables import text_table
    from upres.models.corners import corners_of
    from upres.models.shipped import BICUBIC, PURPOSES, shipped

    found = [(model, model.facts, model.path.stat().st_size) for model in shipped()]
    if as_json:
        table = [
            {**dump(facts), "name": model.name, "purpose": PURPOSES[model.name], "path": str(model.path), "bytes": size}
            for model, facts, size in found
        ]
        print(json.dumps(table, indent=2, ensure_ascii=False))
        return
    rows = []
    for model, facts, _ in found:
        size = sum(file.stat().st_size for file in corners_of(model.path).files)
        scores = ", ".join(f"{protocol} {score:g}" for protocol, score in facts.scores.items())
        rows.append(
            (
                model.name,
                PURPOSES[model.name],
                f"×{model.scale}",
                f"{facts.parameters:,}",
                f"{size / 1e6:.2f} MB",
                facts.licence or "-",
                scores or "-",
            )
        )
    rows.append((BICUBIC, PURPOSES[BICUBIC], "any", "0", "-", "-", "-"))
    say(
        *text_table(("name", "for", "scale", "parameters", "size", "licence", "scores"), rows, numbers=False).split(
            "\n"
        )
    )
