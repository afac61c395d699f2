"""`upres doctor`: what one pastes into a report."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.evaluation.checkup import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """Say what works here, what is missing and what brings it; a small picture is enlarged to be sure.

    The exit code is 1 where something is wrong. Nothing goes online.
    """
    from dataclasses import asdict

    from upres.cli.terminal import say
    from upres.evaluation.checkup import OK, WRONG, checkup

    found = []
    for finding in itertools.chain(checkup(), [_defaults()]):
        found.append(finding)
        if not as_json:
            say(f"{finding.state:8}{finding.id:18}{finding.said}")
            if finding.cure:
                say(f"{'':8}{'':18}→ {finding.cure}")
    wrong, right = (sum(finding.state == state for finding in found) for state in (WRONG, OK))
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        say(f"{right} right, {len(found) - right - wrong} missing, {wrong} wrong")
    if wrong:
        raise typer.Exit(1)


def _defaults() -> Finding:
    """Say which files and variables decide how pictures are enlarged here, as a report has to."""
    from upres.cli.defaults import ignored, in_force
    from upres.errors import UpresError
    from upres.evaluation.checkup import OK, WRONG, Finding

    try:
        found = {} if ignored(()) else in_force()
    except UpresError as error:
        return Finding("defaults", WRONG, str(error), "mend that line, or enlarge with --no-config")
    said = ", ".join(f"{name} by {setting.origin}" for name, setting in found.items())
    return Finding("defaults", OK, said or "those that are built in")
