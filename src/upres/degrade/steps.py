"""The steps of which chains are made, one file and one line in `SINGLE` each; and reading lists of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from upres.config.parts import Part, build, parse_part
from upres.degrade.blur import Blur
from upres.degrade.jpeg import Jpeg
from upres.degrade.noise import Noise
from upres.degrade.resize import Resize
from upres.degrade.step import Step
from upres.errors import ConfigError

Steps = tuple[dict[str, Any], ...]

SINGLE: dict[str, type[Step]] = {
    "blur": Blur,
    "jpeg": Jpeg,
    "noise": Noise,
    "resize": Resize,
}


def written_out(table: Mapping[str, type[Step]], steps: Sequence[Any]) -> Steps:
    """Check a list of steps and return it with every default written out.

    Raises:
        ValueError: a name or a key in it is wrong; `config.parse` adds where.
    """
    try:
        return tuple(_part(table, step, number).dump() for number, step in enumerate(steps))
    except ConfigError as error:
        raise ValueError(str(error).removeprefix(": ")) from None


def built(table: Mapping[str, type[Step]], steps: Steps) -> list[Step]:
    """Build the steps of a list that has been checked."""
    return [build(table, _part(table, step, number)) for number, step in enumerate(steps)]


def _part(table: Mapping[str, type[Step]], step: Any, number: int) -> Part:
    return parse_part(table, step, where="", key=f"steps.{number}")
