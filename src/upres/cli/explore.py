"""`upres explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explore(
    data: Annotated[
        str,
        typer.Argument(
            help="Folder, .npz file or hf://owner/name; options follow a question mark, as in 'faces?resize=128'.",
            show_default=False,
        ),
    ],
    scale: Annotated[int, typer.Option(help="Side of an original ÷ side of its low resolution.")] = 4,
    sample: Annotated[int, typer.Option(help="Measure detail and bicubic on so many pictures.")] = 300,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page, the pairs and the JSON.")] = Path(
        "exploration"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON, instead of the summary.")] = False,
) -> None:
    """Look at a set of pictures: sizes, colours, detail, duplicates, faults, and what bicubic reaches on it."""
    from upres import explore as exploration
    from upres.cli.terminal import counter, printable_json, say
    from upres.data import open_source
    from upres.errors import ConfigError
    from upres.image import Picture, write
    from upres.storage.atomic import write_whole

    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file; give a folder with --output")
    source = open_source(data, scale=scale)
    found = exploration.explore(source, scale=scale, sample=sample, progress=counter("pictures"))
    text = printable_json(exploration.as_json(found), indent=1)
    html = output / "exploration.html"
    write_whole(html, exploration.as_html(found))
    write_whole(output / "exploration.json", text + "\n")
    files, pairs = [html, output / "exploration.json"], output / "pairs.png"
    sheet = exploration.pairs_sheet(found)
    if sheet is None:
        pairs.unlink(missing_ok=True)  # of other data
    else:
        write(Picture(sheet), pairs)
        files.insert(1, pairs)
    if as_json:
        print(text)
    else:
        say(*exploration.summary(found).split("\n"), "", *map(str, files))
