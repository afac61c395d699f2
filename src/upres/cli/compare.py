"""`upres compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.compare.comparison import Comparison


def compare(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Pictures, or folders of pictures; with --votes, files of votes that blind pages saved.",
            show_default=False,
        ),
    ],
    models: Annotated[
        str,
        typer.Option(
            help="At least two, with commas: names of shipped models, bicubic, files of models; "
            "base?detail=0; also folders of pictures that something else enlarged."
        ),
    ] = "bicubic,base,best",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File for the page; comparison.html, or blind.html.", show_default=False),
    ] = None,
    scale: Annotated[
        int | None, typer.Option(help="Output side ÷ input side; the models' own.", show_default=False)
    ] = None,
    original: Annotated[
        Path | None,
        typer.Option(help="What the picture was made from: shown, and measured against.", show_default=False),
    ] = None,
    originals: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The same for several pictures, by their names.", show_default=False),
    ] = None,
    crop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Show this region of each picture, in its pixels; may be given more than once. "
            "By default all of it, or evenly spaced regions that keep the page small.",
            show_default=False,
        ),
    ] = None,
    megabytes: Annotated[
        float, typer.Option(help="How large the page may become by regions that upres chooses.")
    ] = 8.0,
    blind: Annotated[
        bool, typer.Option("--blind", help="A page to vote on, two versions at a time, without names.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the order and the sides on a blind page.")] = 0,
    votes: Annotated[
        bool, typer.Option("--votes", help="Count the votes of one or several raters, with intervals.")
    ] = False,
) -> None:
    """Show your pictures as several models enlarge them, on one page; or let people vote on them blindly."""
    from upres.cli.terminal import counter, say
    from upres.compare.blind_html import blind_html
    from upres.compare.comparison import compare as run
    from upres.compare.comparison_html import comparison_html
    from upres.compare.regions import parse_region
    from upres.compare.votes import read_ballots, tally, tally_text
    from upres.config.limits import MAX_SEED
    from upres.errors import ConfigError
    from upres.storage.atomic import write_whole

    if votes:
        say(*tally_text(tally(read_ballots(inputs))).split("\n"))
        return
    page = output or Path("blind.html" if blind else "comparison.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output {page}: should end with .html")
    if page.is_dir() or not page.absolute().parent.is_dir():
        raise ConfigError(f"--output {page}: should be a file in a folder that exists")
    if not (0 < megabytes <= 2000 and 0 <= seed <= MAX_SEED):
        raise ConfigError(f"--megabytes should be above 0 and at most 2000, --seed from 0 to {MAX_SEED}")
    if blind and (original or originals):
        raise ConfigError("--blind shows no originals; leave --original and --originals out")
    page_bytes = round(megabytes * 1e6)
    comparison = run(
        inputs,
        [name.strip() for name in models.split(",") if name.strip()],
        scale=scale,
        original=original,
        originals=originals,
        crops=[parse_region(text) for text in crop or ()],
        regions=1 if blind else 4,
        page_bytes=page_bytes,
        progress=counter("enlargements"),
    )
    if blind:
        html, comparison, trials = blind_html(comparison, seed=seed, page_bytes=page_bytes)
        say(f"{trials} pairs to vote on, seed {seed}")
    else:
        html, comparison = comparison_html(comparison, page_bytes=page_bytes)
        _say_numbers(comparison)
    _say_regions(comparison)
    write_whole(page, html)
    say("", f"{page}  {len(html.encode()) / 1e6:.1f} MB", "Open it in a browser.")


def _say_numbers(comparison: Comparison) -> None:
    from upres.cli.terminal import say
    from upres.compare.comparison_html import seconds_text
    from upres.evaluation.text_tables import text_table

    for picture in comparison.pictures:
        size = f"{picture.width}×{picture.height}"
        large = f"{picture.width * comparison.scale}×{picture.height * comparison.scale}"
        say(f"{picture.name}: {size} → {large}, ×{comparison.scale}")
        rows = []
        for method, one in zip(comparison.methods, picture.measured, strict=True):
            numbers = () if one.psnr is None or one.ssim is None else (f"{one.psnr:.2f}", f"{one.ssim:.4f}")
            rows.append((method.name, *numbers, seconds_text(one.seconds)))
        header = ("", "seconds") if comparison.protocol is None else ("", "PSNR (dB)", "SSIM", "seconds")
        say(*text_table(header, rows).split("\n"))
    if comparison.protocol is not None:
        say(comparison.protocol.describe())


def _say_regions(comparison: Comparison) -> None:
    from upres.cli.terminal import say

    for picture in comparison.pictures:
        if not picture.whole:
            first = picture.views[0].region
            why = (
                "so that the page stays small; --crop or --megabytes shows others" if comparison.chosen else "as asked"
            )
            what = f"{len(picture.views)} regions of {first.width}×{first.height} are"
            one = f"{first.width}×{first.height} at {first.x}, {first.y} is"
            say(f"{picture.name}: {what if len(picture.views) > 1 else one} shown, {why}")
