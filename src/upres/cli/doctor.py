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
    for finding in itertools.chain(checkup(), [_films(), _defaults()]):
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


def _films() -> Finding:
    """Say whether films are read here, and what codes them."""
    from upres.evaluation.checkup import MISSING, OK, Finding
    from upres.video.table import CODECS

    try:
        import av
    except ImportError:
        return Finding("films", MISSING, "films are not read: PyAV is not installed", 'pip install "upres[video]"')
    there = [
        f"{codec.name}{' (GPL)' if codec.gpl else ''}"
        for codec in CODECS.values()
        if codec.encoder in av.codecs_available
    ]
    return Finding("films", OK, f"PyAV {av.__version__} with FFmpeg {av.ffmpeg_version_info}, codes {', '.join(there)}")


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
