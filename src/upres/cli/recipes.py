"""`upres recipes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ACTIONS = ("show", "copy", "schema")
SCHEMA = "recipe.schema.json"


def recipes(
    action: Annotated[
        str | None, typer.Argument(metavar="[show|copy|schema]", help="Left out: list them.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Argument(help="A recipe that comes with upres.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Argument(help="The file that copy writes; a schema for editors goes beside it.", show_default=False),
    ] = None,
) -> None:
    """List the recipes that come with upres, show one, copy one to change it, or print their JSON Schema."""
    import json

    from upres.cli.terminal import say
    from upres.errors import ConfigError, extra, nearest

    with extra("train", "upres recipes"):
        from upres.recipes import recipe_schema, shipped_recipe

    if action is None:
        list_recipes()
        return
    if action not in _ACTIONS:
        raise ConfigError(f"{action}: there is no such action; {nearest(action, _ACTIONS)}")
    if action == "schema":
        print(json.dumps(recipe_schema(), indent=1))
        return
    if name is None:
        raise ConfigError(f"{action} needs the name of a recipe; upres recipes lists them")
    text = shipped_recipe(name).read_text(encoding="utf-8")
    if action == "show":
        print(text, end="")
        return
    from upres.storage.atomic import write_whole

    output = output or Path(f"{name}.yaml")
    if output.suffix not in (".yaml", ".yml"):
        raise ConfigError("should end in .yaml", where=output)
    if output.exists():
        raise ConfigError("is there already; give another name", where=output)
    write_whole(output.with_name(SCHEMA), json.dumps(recipe_schema(), indent=1))
    write_whole(output, f"# yaml-language-server: $schema={SCHEMA}\n{text}")
    say(str(output))


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
