"""The `upres` command: parse, call, present. One file per verb; nothing heavy is imported until a verb runs."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import typer
import typer.main

from upres import __version__
from upres.cli import (
    bench,
    compare,
    completion,
    config,
    convert,
    data,
    demo,
    doctor,
    evaluate,
    explore,
    export,
    formats,
    interpolate,
    manifest,
    models,
    pack,
    parts,
    quantise,
    recipes,
    serve,
    train,
    upscale,
)
from upres.cli.exit_codes import (
    EXIT_DONE,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    answer,
    check_command,
    stopped_by,
    stopping_signals,
)
from upres.cli.help import Verb, Verbs
from upres.cli.terminal import say
from upres.errors import DamagedPictureWarning, RenamedWarning

COMMANDS: dict[str, Callable[..., None]] = {
    "upscale": upscale.upscale,
    "manifest": manifest.manifest,
    "models": models.models,
    "formats": formats.formats,
    "train": train.train,
    "recipes": recipes.recipes,
    "list": parts.list_parts,
    "evaluate": evaluate.evaluate,
    "export": export.export,
    "convert": convert.convert,
    "interpolate": interpolate.interpolate,
    "quantise": quantise.quantise,
    "data": data.data,
    "pack": pack.pack,
    "explore": explore.explore,
    "compare": compare.compare,
    "bench": bench.bench,
    "serve": serve.serve,
    "doctor": doctor.doctor,
    "config": config.config,
    "completion": completion.completion,
    "demo": demo.demo,
}


_HELP = {"help_option_names": ["-h", "--help"]}
_OWN = (DamagedPictureWarning, RenamedWarning)

# What does something without an argument; the others show their help.
ALONE = ("models", "formats", "demo", "bench", "serve", "doctor", "train", "recipes", "list")
# What tells of all verbs.
_OF_ALL = ("completion", "config")


def command_line(names: Iterable[str] = COMMANDS, *, listed: bool = False) -> typer.Typer:
    """Build the command line with these verbs: reading the options of all takes as long as reading a picture.

    Args:
        names: of verbs.
        listed: the verbs have no options, as only their list is shown.
    """
    app = typer.Typer(
        name="upres",
        cls=Verbs,
        help="Make pictures larger, and train, prove and ship the networks that do it.\n\n"
        "`upres photo.jpg` is short for `upres upscale photo.jpg`. "
        "Every command takes --debug, which shows the traceback of an error.",
        add_completion=False,
        context_settings=_HELP,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # importing rich would double the time of --help
    )
    for name in names:
        verb = _without_options(COMMANDS[name]) if listed else COMMANDS[name]
        app.command(name, cls=Verb, context_settings=_HELP)(verb)
    app.callback(invoke_without_command=True)(_version)
    return app


def _without_options(verb: Callable[..., None]) -> Callable[[], None]:
    def named() -> None: ...

    named.__doc__ = verb.__doc__
    return named


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
    if given[:1] == ["help"] and len(given) < 3 and all(verb in COMMANDS for verb in given[1:]):
        given = [*given[1:], "--help"]
    if given and given[0] not in COMMANDS and (not given[0].startswith("-") or _names_a_file(given)):
        given.insert(0, "upscale")
    received = stopping_signals()
    _say_warnings()
    try:
        check_command(given, COMMANDS)
        verbs = given[:1] if given and given[0] in COMMANDS and given[0] not in _OF_ALL else COMMANDS
        app = command_line(verbs, listed=given in ([], *([option] for option in _HELP["help_option_names"])))
        command = typer.main.get_command(app)
        if not given or (given == [given[0]] and given[0] in COMMANDS and given[0] not in ALONE):
            with contextlib.redirect_stdout(sys.stderr):  # help that nobody asked for
                command.main([*given, "--help"], prog_name="upres", standalone_mode=False)
            sys.exit(EXIT_INPUT)
        defaults = {} if set(_HELP["help_option_names"]) & set(given) else _defaults(command, given)
        code = command.main(given, prog_name="upres", standalone_mode=False, default_map=defaults) or EXIT_DONE
        if code == EXIT_INTERRUPTED:  # Typer's reading of Ctrl-C
            raise KeyboardInterrupt
    except BaseException as error:
        if debug and isinstance(error, Exception):
            raise
        code, line = answer(error, given)
        if code == EXIT_INTERRUPTED and received:
            code, line = stopped_by(received[0])
        if line:
            say(*line.split("\n"), error=True)
    sys.exit(code)


def _defaults(command: Any, given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what files and variables set for enlarging; all else takes nothing from them."""
    if given[0] != "upscale":
        return {}
    from upres.cli.defaults import for_command

    found = for_command(command.commands["upscale"], given)
    if found and {"-v", "--verbose"} & set(given):
        for origin in dict.fromkeys(setting.origin for setting in found.values()):
            names = ", ".join(setting.name for setting in found.values() if setting.origin == origin)
            say(f"upres: {origin} sets {names}", error=True)
    return {"upscale": {name: setting.value for name, setting in found.items()}}


def _say_warnings() -> None:
    """Say upres' own warnings as lines; those of libraries go their ways."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, _OWN):
            say(f"upres: warning: {message}", error=True)
        else:
            others(message, category, *place, **more)

    for own in _OWN:
        warnings.simplefilter("always", own)
    warnings.showwarning = show


def _names_a_file(arguments: Sequence[str]) -> bool:
    """Whether options come first but a file follows, as in `upres --scale 2 photo.jpg`."""
    return not any(argument in ("-h", "--help", "--version") for argument in arguments)
