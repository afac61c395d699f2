"""`upres formats`: what this installation reads and writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from upres.image.codecs.installation import Ability


def formats(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """List the picture formats that this installation reads and writes."""
    from upres.evaluation.text_tables import text_table
    from upres.image.codecs.installation import abilities

    found = abilities()
    if as_json:
        print(json.dumps([_facts(ability) for ability in found], indent=2))
        return
    header = ("format", "suffixes", "read", "write", "bits", "alpha", "several", "largest side")
    print(text_table(header, [_row(ability) for ability in found], numbers=False))
    for ability in found:
        if ability.brings is not None:
            print(f"To read {ability.form.name}: {ability.brings}")


def _facts(ability: Ability) -> dict[str, Any]:
    form = ability.form
    return {
        "format": form.name,
        "suffixes": list(form.suffixes),
        "read": ability.reads,
        "write": ability.writes,
        "brings": ability.brings,
        "bits": list(form.depths),
        "alpha": form.alpha,
        "frames": form.frames,
        "pages": form.pages,
        "lossless": form.lossless,
        "lossy": form.lossy,
        "largest_side": form.most,
    }


def _row(ability: Ability) -> tuple[str, ...]:
    form = ability.form
    depths = ", ".join("float" if depth == 32 else str(depth) for depth in form.depths)
    several = "frames" if form.frames else "pages" if form.pages else "-"
    marks = ("yes" if fact else "-" for fact in (ability.reads, ability.writes))
    return (
        form.name,
        " ".join(form.suffixes),
        *marks,
        depths,
        ("yes or no" if form.name == "GIF" else "yes") if form.alpha else "-",
        several,
        f"{form.most:,}",
    )
