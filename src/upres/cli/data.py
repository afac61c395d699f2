"""`upres data`: sets of pictures that the field measures on."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class What(StrEnum):
    """What can be done with them."""

    list = "list"
    get = "get"
    draw = "draw"


def data(
    what: Annotated[
        What,
        typer.Argument(help="list them, get some, or draw pictures by chance in their layout.", show_default=False),
    ],
    sets: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which to get or draw, by the names that list shows.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of data; each set gets its own in it. By default data, for what is drawn practice.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List published sets of pictures with their terms, or download some into the layout that recipes expect.

    What broke off goes on where it ended. What came is held against its checksum, where one is known. Sets that are
    drawn are for practice, where there is no network or no time: scores on them compare with nothing.
    """
    from dataclasses import asdict

    from upres.cli.terminal import counter, say
    from upres.data.draw import DRAWN, draw
    from upres.data.get import get
    from upres.data.sources.published import PUBLISHED
    from upres.errors import ConfigError, nearest
    from upres.evaluation.text_tables import text_table

    if what is What.list:
        if sets:
            raise ConfigError(f"{sets[0]}: list takes no name; upres data get {sets[0]} downloads it")
        if as_json:
            print(json.dumps({name: asdict(each) for name, each in PUBLISHED.items()}, indent=2, ensure_ascii=False))
            return
        rows = [(name, each.size_in_words, each.title, each.terms) for name, each in PUBLISHED.items()]
        say(*text_table(("name", "size", "what it is", "terms"), rows, numbers=False).split("\n"))
        return
    if not sets:
        raise ConfigError(f"{what}: which? upres data list shows the names")
    for name in sets:
        if name not in PUBLISHED:
            raise ConfigError(f"{name}: no such set; {nearest(name, PUBLISHED)}")
        if what is What.draw and name not in DRAWN:
            raise ConfigError(f"{name}: no drawn set has its layout; there are {', '.join(DRAWN)}")
    if what is What.draw:
        for name in sets:
            say(str(draw(name, output or Path("practice"), progress=counter("pictures"))))
        return
    for name in sets:
        published = PUBLISHED[name]
        say(f"{name}: {published.title}; {published.terms}; {published.page}", error=True)
        place = get(
            published, output or Path("data"), log=lambda line: say(line, error=True), progress=counter("bytes")
        )
        say(str(place))
