"""Write the manual pages from the commands themselves: upres(1), and upres-VERB(1) for each verb.

python -m tools.man            # writes docs/man, which goes into the wheel as share/man/man1
python -m tools.man --check    # says what is out of date
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer.main

from benchmarks.common import argument_parser
from upres import __version__
from upres.cli.defaults import VARIABLES
from upres.cli.exit_codes import EXIT_CODES
from upres.cli.help import EXAMPLES
from upres.cli.main import command_line
from upres.cli.words import DEBUG, HELP, VERSION, Argument, Option, Verb, verbs

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "man"

# Of the manual, as its pages' foot says it; a page that has none is warned of.
DATE = "2026-11-22"

FILES = {
    "upres.toml": "Defaults of upres upscale where it runs in that folder.",
    "~/.config/upres/upres.toml": "The user's own; below XDG_CONFIG_HOME where that is set, on Windows below APPDATA.",
    "~/.cache/upres": "What can be made again.",
}


def pages() -> dict[str, str]:
    """Return every page by its file's name, in ASCII."""
    app = command_line()
    found = verbs(typer.main.get_command(app))
    about = app.info.help or ""
    return {"upres.1": _front(found, about), **{f"upres-{verb.name}.1": _page(verb, found) for verb in found}}


def _front(found: Sequence[Verb], about: str) -> str:
    first, *rest = about.split("\n\n")
    lines = [
        *_head("upres", first),
        ".SH SYNOPSIS",
        *_usage("upres", "INPUT", "..."),
        ".br",
        *_usage("upres", "COMMAND", "..."),
        ".SH DESCRIPTION",
        *_paragraphs("\n\n".join(rest)),
        ".SH COMMANDS",
    ]
    for verb in found:
        lines += [".TP", f"\\fB{_typed(f'upres-{verb.name}')}\\fR(1)", _text(f"{verb.summary}.")]
    lines += [".SH OPTIONS", *_options((HELP, VERSION, DEBUG)), *_exit_status(), ".SH ENVIRONMENT"]
    for name, meaning in VARIABLES.items():
        lines += [".TP", f"\\fB{name}\\fR", _text(meaning)]
    lines += [".TP", r"\fBUPRES_\fIOPTION\fR", "A default of upres upscale, such as UPRES_MAX_MEMORY; see"]
    lines += [r"\fBupres\-config\fR(1).", ".SH FILES"]
    for path, meaning in FILES.items():
        lines += [".TP", f"\\fI{_text(path)}\\fR", _text(meaning)]
    return "\n".join([*lines, *_see_also(f"upres-{verb.name}" for verb in found)]) + "\n"


def _page(verb: Verb, found: Sequence[Verb]) -> str:
    lines = [
        *_head(f"upres-{verb.name}", verb.summary),
        ".SH SYNOPSIS",
        *_usage(f"upres {verb.name}", "[OPTIONS]", *map(_synopsis, verb.arguments)),
        ".SH DESCRIPTION",
        *_paragraphs(verb.help),
    ]
    if verb.arguments:
        lines.append(".SH ARGUMENTS")
        for argument in verb.arguments:
            lines += [".TP", f"\\fI{_text(argument.label)}\\fR", _text(argument.help)]
    groups: dict[str, list[Option]] = {"": []}
    for option in verb.options:
        groups.setdefault(option.group, []).append(option)
    for group, options in groups.items():
        lines += [f'.SS "{_text(group)}"' if group else ".SH OPTIONS", *_options(options)]
    lines.append(".SH EXAMPLES")
    for command, purpose in EXAMPLES[verb.name]:
        lines += [".TP", f"\\fB{_typed(command)}\\fR", _text(purpose)]
    lines += _exit_status()
    return "\n".join([*lines, *_see_also(["upres", *_related(verb, found)])]) + "\n"


def _related(verb: Verb, found: Sequence[Verb]) -> list[str]:
    """Return the pages of the verbs that the examples lead to."""
    typed = {command.split()[1] for command, _ in EXAMPLES[verb.name] if " " in command}
    return [f"upres-{other.name}" for other in found if other.name in typed - {verb.name}]


def _head(name: str, summary: str) -> list[str]:
    title = f'.TH {name.upper()} 1 {DATE} "upres {__version__}" "upres manual"'
    return [title, ".SH NAME", f"{_typed(name)} \\- {_text(summary[:1].lower() + summary[1:].rstrip('.'))}"]


def _usage(command: str, *words: str) -> list[str]:
    return [f"\\fB{_typed(command)}\\fR {' '.join(map(_text, words))}"]


def _synopsis(argument: Argument) -> str:
    shown = f"{argument.label}{' ...' if argument.repeated else ''}"
    return shown if argument.required else f"[{shown}]"


def _options(options: Iterable[Option]) -> list[str]:
    lines = []
    for option in options:
        names = ", ".join(f"\\fB{_typed(name)}\\fR" for name in option.names)
        label = f" \\fI{_text(option.label)}\\fR" if option.label else ""
        default = f" By default {option.default}." if option.default else ""
        lines += [".TP", f"{names}{label}"]
        lines.append(_text(f"{option.help.rstrip('.')}.{default}"))
    return lines


def _exit_status() -> list[str]:
    lines = [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES.items():
        lines += [".TP", f"\\fB{code}\\fR", _text(meaning)]
    return lines


def _see_also(names: Iterable[str]) -> list[str]:
    return [".SH SEE ALSO", ",\n".join(f"\\fB{_typed(name)}\\fR(1)" for name in names)]


def _paragraphs(text: str) -> list[str]:
    return [line for part in text.split("\n\n") for line in (".PP", _text(part))][1:]


def _text(text: str) -> str:
    """Return words of the help for roff: what stands between backticks is bold, what is not ASCII has its number."""
    parts = re.split(r"`([^`]*)`", text)
    marked = "".join(f"\\fB{_typed(part)}\\fR" if number % 2 else _plain(part) for number, part in enumerate(parts))
    return f"\\&{marked}" if marked.startswith((".", "'")) else marked


def _typed(text: str) -> str:
    """Return what is typed as it stands: its hyphens are to be copied."""
    return _plain(text).replace("-", "\\-")


def _plain(text: str) -> str:
    escaped = text.replace("\\", "\\e")
    return "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)


def main() -> None:
    """Write the pages, or compare them."""
    parser = argument_parser(__doc__)
    parser.add_argument("--check", action="store_true", help="say what is out of date, and change nothing")
    check = parser.parse_args().check
    made = pages()
    stale = {path.name for path in FOLDER.glob("*") if path.name not in made}
    for name, text in made.items():
        if (FOLDER / name).is_file() and (FOLDER / name).read_text(encoding="ascii") == text:
            continue
        stale.add(name)
        if not check:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / name).write_text(text, encoding="ascii")
    if check and stale:
        raise SystemExit(f"out of date: {', '.join(sorted(stale))}; run: python -m tools.man")


if __name__ == "__main__":
    main()
