"""`upres list`: what a recipe chooses from by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """The kinds of parts; a test compares them with the tables, which need PyTorch."""

    archs = "archs"
    losses = "losses"
    degradations = "degradations"
    steps = "steps"
    metrics = "metrics"
    sources = "sources"
    optimizers = "optimizers"
    schedules = "schedules"
    discriminators = "discriminators"
    loggers = "loggers"


def list_parts(
    kind: Annotated[
        Kind | None, typer.Argument(help="What to list; left out: which kinds there are.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="One of them, with what each option means.", show_default=False)
    ] = None,
) -> None:
    """List the architectures, losses, sources and other parts of recipes, with their options and defaults."""
    from upres.cli.terminal import say
    from upres.config.options import Option, options_of, summary
    from upres.errors import ConfigError, extra, nearest
    from upres.evaluation.text_tables import text_table

    with extra("train", "upres list"):
        from upres.recipes.table import KINDS

    if kind is None:
        rows = [(known, f"{len(KINDS[known].table)}", KINDS[known].key) for known in KINDS]
        say(*text_table(("kind", "how many", "in a recipe"), rows, numbers=False).split("\n"))
        return
    found = KINDS[kind]

    def options(part: str) -> list[Option]:
        cls = found.config_of(part)
        return [] if cls is None else options_of(cls)

    if name is not None:
        if name not in found.table:
            raise ConfigError(f"{name}: there is none of that name among {kind}; {nearest(name, found.table)}")
        say(f"{name}: {summary(found.table[name], name, of_module=found.of_module)}")
        shown = []
        for one in options(name):
            words = f"one of {', '.join(one.choices)}" if one.choices else ""
            meaning = "; ".join(said.rstrip(".") for said in (one.meaning, words) if said)
            shown.append((one.name, one.shown_default or ("needed" if one.required else "-"), meaning))
        if shown:
            say(*text_table(("option", "default", "meaning"), shown, numbers=False).split("\n"))
        return
    for part in found.table:
        said = [f"{one.name} {one.shown_default}".strip() for one in options(part)]
        say(f"{part}: {summary(found.table[part], part, of_module=found.of_module)}")
        if said:
            say(f"    {', '.join(said)}")
