"""`upres pack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.config.named_parts import NamedPart


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
    shards: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Pack whole pictures instead, in shards of so many bytes, as 256MB, for data.shards; the folder may "
            "be a bucket.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Cut pictures into patches: hr_images.npz, and hr_lr_images.npz with their low-resolution partners.

    With --shards, pack pictures for a training that streams them.
    """
    from upres.cli.terminal import counter, say
    from upres.config.named_parts import build, parse_line
    from upres.data import open_source
    from upres.errors import ConfigError, extra

    with extra("train", "upres pack"):
        from upres.data.pack import Cut
        from upres.data.pack import pack as run
        from upres.degrade import DEGRADATIONS

    part = parse_line(DEGRADATIONS, degradation, where="--degradation")
    if shards is not None:
        if not (stride is count is limit is None):
            raise ConfigError("--shards packs whole pictures; leave --stride, --count and --limit out")
        _pack_shards(data, output, scale, part, seed, shards)
        return
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


def _pack_shards(data: list[str], output: Path, scale: int, part: NamedPart, seed: int, size: str) -> None:
    from upres.cli.terminal import counter, say
    from upres.config.amounts import parse_memory
    from upres.config.named_parts import build
    from upres.data import open_source
    from upres.data.shards import pack_shards
    from upres.degrade import DEGRADATIONS
    from upres.storage.places import address_of

    address = address_of(output) or str(output)
    sources = [open_source(line, scale=scale) for line in data]
    for source in sources:
        say(source.describe(), error=True)
    pictures, count = pack_shards(
        sources,
        build(DEGRADATIONS, part),
        address,
        scale=scale,
        seed=seed,
        shard=parse_memory(size),
        degraded=part.dump(),
        progress=counter("pictures"),
    )
    say(f"{pictures:,} pictures in {count:,} shards", address)
