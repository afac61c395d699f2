"""`upres manifest`: what became of many pictures."""

from __future__ import annotations

import contextlib
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.upscaling.batch.ledger import Ledger


class Action(StrEnum):
    """What can be done with them."""

    status = "status"
    verify = "verify"
    merge = "merge"
    retry = "retry"


def manifest(
    action: Annotated[Action, typer.Argument(help="what to do.", show_default=False)],
    manifests: Annotated[
        list[str],
        typer.Argument(
            metavar="MANIFEST",
            help="Folders or buckets that were written into, all shards at once; or .jsonl and .parquet files.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="File for merge and retry, .parquet too; standard output.", show_default=False
        ),
    ] = None,
    error: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="For retry: only what failed so, such as StorageError.", show_default=False),
    ] = None,
    digests: Annotated[
        bool, typer.Option("--digests", help="For verify: read every output, and compare its SHA-256.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For status: print JSON.")] = False,
) -> None:
    """Count what became of pictures, look for every output, join manifests, or name what is to be tried again.

    retry prints the inputs of which nothing was made, for --from. verify leaves with 1 where an output is missing or
    is not what was written.
    """
    from upres.errors import ConfigError
    from upres.upscaling.batch.ledger import ledger

    if error is not None and action is not Action.retry:
        raise ConfigError(f"--error chooses what retry names; {action.value} takes all")
    with ledger(manifests) as rows:
        if action is Action.status:
            _say_status(rows, as_json)
        elif action is Action.verify:
            _verify(rows, digests)
        else:
            _write(rows, action, output, error)


def _say_status(rows: Ledger, as_json: bool) -> None:
    from upres.cli.terminal import say
    from upres.config.amounts import time_in_words

    states, errors, fingerprints = rows.states(), rows.errors(), rows.fingerprints()
    total, seconds = rows.totals()
    if as_json:
        found = {"states": states, "errors": errors, "fingerprints": fingerprints, "bytes": total, "seconds": seconds}
        print(json.dumps(found, indent=2))
        return
    for word, count in states.items():
        say(f"{count:>12,}  {word}")
    for name, count in errors.items():
        say(f"{count:>12,}    {name}")
    say(f"{total / 1e6:>12,.1f}  MB of outputs, {time_in_words(seconds)} of work")
    if len(fingerprints) > 1:
        say("made with different models or settings, by their fingerprints:")
        for name, count in fingerprints.items():
            say(f"{count:>12,}    {name}")


def _verify(rows: Ledger, digests: bool) -> None:
    from upres.cli.terminal import say
    from upres.errors import FailedError

    states, wrong = rows.states(), 0
    expected = states["made"] + states["there already"]
    for fault in rows.faults(digests=digests):
        wrong += 1
        say(f"{fault.output}: {fault.said}")
    say(f"{expected - wrong:,} of {expected:,} outputs are as they were written", error=True)
    if wrong:
        raise FailedError(f"{wrong:,} outputs are missing or changed; the same command makes those that are missing")


def _write(rows: Ledger, action: Action, output: Path | None, error: str | None) -> None:
    from upres.storage.atomic import whole_file
    from upres.upscaling.batch.columns import is_parquet, write_lines, write_names

    if output is not None and is_parquet(output):
        if action is Action.merge:
            write_lines(rows.lines(), output)
        else:
            write_names(rows.failed(error), output)
        return
    lines = rows.lines() if action is Action.merge else (f"{name}\n" for name in rows.failed(error))
    if output is None:
        sys.stdout.writelines(lines)
        return
    with contextlib.ExitStack() as files:
        path = files.enter_context(whole_file(output))
        files.enter_context(path.open("w", encoding="utf-8", errors="surrogateescape")).writelines(lines)
