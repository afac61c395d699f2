"""Parts of photographs that the documents show, and the command that writes a picture for each."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import argument_parser
from upres.image import Picture, write


@dataclass(frozen=True)
class ShownPart:
    """A part of a picture, by how much that is reduced first, and where the part begins.

    Attributes:
        name: of the file that is written.
        source: below PHOTOS or MORE.
        shrink: the original's side ÷ that of what is enlarged.
        top, left: in pixels, of what is enlarged or of the result, as the page that shows it cuts.
        quality: saved as a JPEG of this quality before; `None` for a lossless file.
    """

    name: str
    source: str
    shrink: int
    top: int
    left: int
    quality: int | None = None


def write_parts(
    parts: Iterable[ShownPart],
    made: Callable[[ShownPart, Path, Namespace], Picture],
    words: str,
    output: str,
    *more: str,
) -> None:
    """Read the command line, and write a WebP for each part.

    Args:
        parts: what to show.
        made: the picture of a part, from its original's path and the command line.
        words: what the command does.
        output: the folder they go to, unless the command line names another.
        more: names of further files that the command line has to give.
    """
    parser = argument_parser(words)
    for name in ("photos", "more", *more):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(output))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for part in parts:
        root = given.photos if (given.photos / part.source).exists() else given.more
        target = given.output / f"{part.name}.webp"
        write(made(part, root / part.source, given), target, quality=90)
        print(target)
