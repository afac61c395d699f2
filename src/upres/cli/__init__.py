"""The `upres` command: parse, call, present. One file per verb; nothing heavy is imported until a verb runs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import typer

from upres import __version__
from upres.cli import demo, evaluate, export, models, train, upscale
from upres.errors import FailedError, UpresError

EXIT_FAILED = 1  # the work was begun and could not be done right
EXIT_INPUT = 2  # what was given cannot be used
EXIT_INTERRUPTED = 130  # the shell's convention for SIGINT

COMMANDS: dict[str, Callable[..., None]] = {
    "upscale": upscale.upscale,
    "models": models.models,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "export": export.export,
    "demo": demo.demo,
}

app = typer.Typer(
    name="upres",
    help="Make pictures larger, and train, prove and ship the networks that do it.\n\n"
    "`upres photo.jpg` is short for `upres upscale photo.jpg`. "
    "Every command takes --debug, which shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich would double the time of --help
)
for _name, _command in COMMANDS.items():
    app.command(_name, no_args_is_help=_name not in ("models", "demo"))(_command)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        print(f"upres {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may not fit the terminal's encoding
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    if given and given[0] not in COMMANDS and (not given[0].startswith("-") or _names_a_file(given)):
        given.insert(0, "upscale")
    try:
        app(given)
    except UpresError as error:
        if debug:
            raise
        print(f"upres: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED if isinstance(error, FailedError) else EXIT_INPUT)
    except KeyboardInterrupt:
        print("upres: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0)


def _names_a_file(arguments: Sequence[str]) -> bool:
    """Whether options come first but a file follows, as in `upres --scale 2 photo.jpg`."""
    return not any(argument in ("--help", "--version") for argument in arguments)
