"""`upres config`: which defaults are in force, and who set them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Shown(StrEnum):
    """What can be shown."""

    show = "show"
    path = "path"


def config(
    context: typer.Context,
    what: Annotated[
        Shown,
        typer.Argument(help="show: every default and where it is from; path: the files.", show_default=False),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what upres upscale does unless it is told otherwise, and which file or variable says so.

    A file upres.toml in the folder where the command runs, and one of the user's, hold lines such as model = "best"
    and quality = 90: an option's name, with _ for -, and its value. UPRES_MODEL=best does the same. The command line
    stands above variables, these above the folder's file, that above the user's. --no-config leaves all aside.
    """
    from upres.cli.defaults import NO_CONFIG, defaults_of, files, ignored, in_force, unknown_variables, variable
    from upres.cli.terminal import printable_json, say
    from upres.evaluation.text_tables import text_table

    if what is Shown.path:
        found = [(str(path.absolute()), path.is_file()) for path in files()]
        if as_json:
            print(json.dumps([{"path": path, "exists": there} for path, there in found], indent=2))
        else:
            say(*(f"{path}  {'is read' if there else 'is not there'}" for path, there in found))
        return
    set_here = {} if ignored(()) else in_force()
    every: Any = context.find_root().command
    built_in = defaults_of(every.commands["upscale"])
    rows = [
        (name, set_here[name].value, set_here[name].origin) if name in set_here else (name, value, None)
        for name, value in built_in.items()
    ]
    if as_json:
        print(printable_json([dict(zip(("name", "value", "from"), row, strict=True)) for row in rows], indent=2))
        return
    table = [(name, _text(value), origin or "built in", variable(name)) for name, value, origin in rows]
    say(*text_table(("option", "value", "from", "variable"), table, numbers=False).split("\n"))
    if ignored(()):
        say("", f"{NO_CONFIG} is set: files and variables are left aside.")
    for name in unknown_variables():
        say(f"upres: warning: {name} is set, and no variable of upres", error=True)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)
