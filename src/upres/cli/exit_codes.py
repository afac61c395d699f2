"""What went wrong, as one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from upres.cli.meanings import meant
from upres.cli.terminal import printable
from upres.errors import DataFaultsError, FailedError, UpresError, nearest

EXIT_DONE = 0
EXIT_FAILED = 1  # the work was begun and could not be done right
EXIT_INPUT = 2  # what was given cannot be used
EXIT_INTERRUPTED = 130  # the shell's convention for SIGINT

EXIT_CODES = {
    str(EXIT_DONE): "All was done.",
    str(EXIT_FAILED): "The work was begun and could not be done right; of several pictures, at least one.",
    str(EXIT_INPUT): "What was given cannot be used; nothing was begun.",
    str(EXIT_INTERRUPTED): "Interrupted by Ctrl-C.",
    "128 + n": "Ended by the signal n: 143 is SIGTERM.",
}
"""What each exit code means; the documents and the manual pages show it."""

# What Typer says (by pydantic or by click) → what the person wanted to know.
_KINDS = {"valid integer": "a whole number", "valid number": "a number", "valid float": "a number"}


def answer(error: BaseException, arguments: Sequence[str]) -> tuple[int, str]:
    """Return the exit code for an error, and the line that says it (empty when there is nothing to say).

    Args:
        error: whatever ended the command.
        arguments: what it was called with, to quote from.
    """
    code, said = EXIT_FAILED, ""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else EXIT_FAILED), ""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        code, said = EXIT_INTERRUPTED, "interrupted"
    elif isinstance(error, UpresError):
        code, said = (EXIT_FAILED if isinstance(error, FailedError) else EXIT_INPUT), with_options(error)
    elif isinstance(error, typer.TyperException):
        code, said = EXIT_INPUT, _usage(error, arguments)
    elif isinstance(error, BrokenPipeError):  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED, ""
    elif isinstance(error, MemoryError):
        said = "out of memory; close other programs, or give a smaller --tile"
    elif isinstance(error, OSError) and error.strerror:
        said = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}; nothing half written was left"
    else:
        text = " ".join(str(error).split())[:300]
        said = (
            f"a bug in upres: {type(error).__name__}{f': {text}' if text else ''}; "
            "run again with --debug and report what it prints"
        )
    if isinstance(error, DataFaultsError):  # a list of lines is read as a list
        return code, "upres: " + "\n".join(map(printable, said.split("\n")))
    return code, "upres: " + printable(" ".join(said.splitlines()))


def stopping_signals() -> list[int]:
    """Let what asks a process to end do so as Ctrl-C does: work stops, and nothing half written is left.

    Returns:
        The list into which the numbers of signals go that are received.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return received
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        # nohup, a host or a test that handles them keeps its way.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)
    return received


def stopped_by(number: int) -> tuple[int, str]:
    """Return the exit code after a signal, as a shell counts it, and the line that says it."""
    return 128 + number, f"upres: stopped by {signal.Signals(number).name}"


def with_options(error: UpresError) -> str:
    """Return an error's line with the options that would mend it, as this command calls them."""
    options = ", ".join(f"--{setting.replace('_', '-')}" for setting in error.settings)
    return f"{error} ({options})" if options else str(error)


def check_command(arguments: Sequence[str], commands: Iterable[str]) -> None:
    """Answer a mistyped command before it is taken for the name of a picture that is not there.

    Raises:
        typer.BadParameter: the first input is no file and looks like a command.
    """
    words = [argument for argument in arguments[:2] if not argument.startswith("-")]
    if len(words) < 2 or words[0] != "upscale" or Path(words[1]).suffix or os.sep in words[1]:
        return
    said = nearest(words[1], commands)
    if said.startswith("did you mean") and not Path(words[1]).exists():
        raise typer.BadParameter(f"{words[1]}: no such command, and no such file; {said}")


def _usage(error: Any, arguments: Sequence[str]) -> str:
    """Say what is wrong with the options or arguments, with the value as given and the fix."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "info_name", None) if context is not None and context.parent is not None else None
    more = f"; see upres {command} --help" if command else ""
    param = getattr(error, "param", None)
    text = " ".join(str(error.message).split()).rstrip(".")
    if param is None:
        options = [] if context is None else context.command.params
        known = [name for option in options for name in (*option.opts, *option.secondary_opts) if name[0] == "-"]
        unknown = _unknown_option(arguments, [*known, "--help", "--debug"]) if known else None
        if unknown is not None:
            return (
                f"{unknown}: no such option; {meant(unknown, known) or nearest(unknown, [*known, '--help', '--debug'])}"
            )
        return text[:1].lower() + text[1:] + more
    name = max(param.opts, key=len) if param.param_type_name == "option" else param.metavar or param.name.upper()
    if not text:  # Typer says nothing more of what is missing
        return f"{name}: is missing{more}"
    value = _value(arguments, param.opts)
    kind = next((kind for said, kind in _KINDS.items() if said in text), None)
    if kind is not None and value is not None:
        return f"{name}: {value!r} is not {kind}{more}"
    text = text.removeprefix("Value error, ")
    quoted = "" if value is None or repr(value) in text else f"{value!r}: "
    return f"{name}: {quoted}{text[:1].lower()}{text[1:]}{more}"


def _unknown_option(arguments: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the first option among the arguments that there is not, or `None`."""
    names = (argument.partition("=")[0] for argument in arguments if argument.startswith("-") and argument != "-")
    return next((name for name in names if name not in known), None)


def _value(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """Return what was given for an option, or `None`."""
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        if argument in names:
            return following
        name, equals, value = argument.partition("=")
        if equals and name in names:
            return value
    return None
