"""`upres recipes`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SCHEMA = "recipe.schema.json"


class Action(StrEnum):
    """What can be done with a recipe."""

    show = "show"
    copy = "copy"
    convert = "convert"
    schema = "schema"


def recipes(
    action: Annotated[
        Action | None,
        typer.Argument(
            help="show or copy one, convert another trainer's options, or print the schema of all; "
            "left out: list them.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A recipe that comes with upres; for convert, the option file.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Argument(
            help="The file that copy or convert writes; a schema for editors goes beside it.", show_default=False
        ),
    ] = None,
) -> None:
    """List the recipes that come with upres, show or copy one, take over another trainer's, or print their schema."""
    import json

    from upres.cli.terminal import say
    from upres.errors import ConfigError, extra

    with extra("train", "upres recipes"):
        from upres.recipes import convert_options, recipe_schema, shipped_recipe

    if action is None:
        list_recipes()
        return
    if action is Action.schema:
        print(json.dumps(recipe_schema(), indent=1))
        return
    if recipe is None:
        if action is Action.convert:
            raise ConfigError("convert needs an option file of BasicSR, traiNNer-redux or neosr")
        raise ConfigError(f"{action} needs the name of a recipe; upres recipes lists them")
    missing: tuple[str, ...] = ()
    if action is Action.convert:
        converted = convert_options(Path(recipe))
        text, missing = converted.text(), converted.missing
        output = output or Path(f"{Path(recipe).stem}.yaml")
    else:
        text = shipped_recipe(recipe).read_text(encoding="utf-8")
    if action is Action.show:
        print(text, end="")
        return
    from upres.storage.atomic import write_whole

    output = output or Path(f"{recipe}.yaml")
    if output.suffix not in (".yaml", ".yml"):
        raise ConfigError("should end in .yaml", where=output)
    if output.exists():
        raise ConfigError("is there already; give another name", where=output)
    write_whole(output.with_name(SCHEMA), json.dumps(recipe_schema(), indent=1))
    write_whole(output, f"# yaml-language-server: $schema={SCHEMA}\n{text}")
    say(str(output))
    if missing:
        say("", "Without an equivalent here (the recipe says so too):", *(f"  {line}" for line in missing))


def list_recipes(*, error: bool = False) -> None:
    """Print what recipes there are: in full, or a line each on standard error."""
    from upres.cli.terminal import say
    from upres.recipes import header_of, shipped_recipes

    headers = {name: header_of(path) for name, path in shipped_recipes().items()}
    width = max(map(len, headers))
    for name, header in headers.items():
        say(f"{name.ljust(width)}  {header.task}", error=error)
        if not error:
            for said in ("data", "result", "cost"):
                say(f"{'':{width}}  {said}: {getattr(header, said)}")
