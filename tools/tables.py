"""Write the tables of named parts into the documents, from the tables in the code.

python -m tools.tables            # rewrites docs/*.md between its marks
python -m tools.tables --check    # says what is out of date

A page holds `<!-- table: losses -->`, then the table, then `<!-- end of table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import typer.main

from benchmarks.common import argument_parser
from upres import errors
from upres.archs import ARCHS, DISCRIMINATORS
from upres.archs.cost import multiply_adds
from upres.archs.deconv_cnn import DeconvCNN
from upres.cli.defaults import VARIABLES
from upres.cli.exit_codes import EXIT_CODES, EXIT_FAILED, EXIT_INPUT
from upres.cli.main import command_line
from upres.cli.words import DEBUG, HELP, Verb, verbs
from upres.cli.words import Option as VerbOption
from upres.config.limits import LIMITS, SERVICE_LIMITS, Limit
from upres.config.named_parts import NamedPart, build
from upres.config.options import Option, options_of, summary
from upres.data.sources.published import PUBLISHED
from upres.degrade import STEPS
from upres.losses import LOSSES
from upres.metrics import Protocol
from upres.recipes import header_of, shipped_recipes
from upres.recipes.recipe import DataOptions, Head
from upres.service.parameters import PARAMETERS
from upres.service.problems import KINDS
from upres.train import SCHEDULES, AdversarialConfig, OptimizerConfig, TrainConfig

ROOT = Path(__file__).resolve().parents[1]
_MARKED = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

VERBS = verbs(typer.main.get_command(command_line()))

Rows = Sequence[tuple[str, ...]]


def parts(table: Mapping[str, Any], *, of_module: bool = False) -> Rows:
    """Return a row for each part: its name, the first sentence about it, its options with their defaults.

    Args:
        table: the parts by name.
        of_module: take the sentence from the part's file rather than from its class.
    """
    rows = [("name", "what it is", "options (defaults)")]
    for name, part in table.items():
        fields = ", ".join(
            f"`{option.name}`{_default(option)}{_others(option)}" for option in options_of(part.config_type)
        )
        rows.append((f"`{name}`", summary(part, name, of_module=of_module), fields))
    return rows


def _default(option: Option) -> str:
    return f" {option.shown_default}" if option.shown_default else ""


def _others(option: Option) -> str:
    """Return what else a field may be, where it is a choice of words."""
    others = [word for word in option.choices if word != str(option.default)]
    return f" (or {', '.join(others)})" if others else ""


def architectures() -> Rows:
    """Return a row for each architecture: what it is, and what it costs with its defaults at the usual scale."""
    head, *rows = parts(ARCHS, of_module=True)
    found = [(*head[:2], "parameters", "multiply-adds", head[2])]
    for (name, cls), row in zip(ARCHS.items(), rows, strict=True):
        scale = 2 if cls is DeconvCNN else 4
        with torch.device("meta"):
            network = build(ARCHS, NamedPart(name, cls.config_type()), scale=scale, channels=3)
        cost = multiply_adds(network, 720 // scale, 1280 // scale) / 1e9
        said = f"{cost:,.0f} G" if cost >= 100 else f"{cost:.3g} G"
        count = f"{network.parameter_count / 1e3:,.0f} K"
        found.append((*row[:2], count, said if scale == 4 else f"{said} (×{scale})", row[2]))
    return found


def recipes() -> Rows:
    """Return a row for each recipe that comes with upres: its name, and the first sentence of its header."""
    rows = [("recipe", "what it is")]
    rows += [(f"`{name}`", header_of(path).task) for name, path in shipped_recipes().items()]
    return rows


def limits(found: Sequence[Limit] = LIMITS) -> Rows:
    """Return a row for each limit: of what, how much by default, what happens beyond, and what changes it."""
    rows = [("of what", "default", "beyond it", "changed by")]
    for limit in found:
        amount = "2^64 - 1" if limit.value == 2**64 - 1 else f"{limit.value:,}"
        setting = f"`{limit.setting}`, `--{limit.setting.replace('_', '-')}`" if limit.setting else ""
        rows.append((limit.meaning, f"{amount} {limit.unit}".strip(), limit.beyond, setting))
    return rows


def service_parameters() -> Rows:
    """Return a row for each thing that a request to the service may ask for."""
    rows = [("name", "what it is", "example")]
    return [*rows, *((f"`{one.name}`", one.meaning.rstrip("."), f"`{one.example}`") for one in PARAMETERS)]


def problems() -> Rows:
    """Return a row for each kind of problem that the service answers with."""
    told = [
        (str(status), f"`urn:upres:problem:{kind}`", title) for kind, (status, title) in KINDS.items() if status != 499
    ]
    return [("status", "type", "title"), *told]


def exit_codes() -> Rows:
    """Return a row for each exit code of the command."""
    return [("exit code", "meaning"), *EXIT_CODES.items()]


def variables() -> Rows:
    """Return a row for each variable that is no option's default."""
    return [("variable", "what it is"), *((f"`{name}`", meaning) for name, meaning in VARIABLES.items())]


def published_sets() -> Rows:
    """Return a row for each set that `upres data get` knows."""
    rows = [("name", "what it is", "terms", "to download", "data to give")]
    for name, each in PUBLISHED.items():
        rows.append((f"[{name}]({each.page})", each.title, each.terms, each.size_in_words, f"`data/{each.path}`"))
    return rows


def options_of_verb(verb: Verb) -> Rows:
    """Return a row for each thing that a verb takes, with an anchor for each: `upscale-max-memory`."""
    rows = [("option", "what it is", "default")]
    for argument in verb.arguments:
        shown = f"{argument.label} …" if argument.repeated else argument.label
        rows.append((f"`{shown}`", _sentence(argument.help), "" if argument.required else "may be left out"))
    for group, found in _grouped([each for each in verb.options if each not in (HELP, DEBUG)]).items():
        rows += [(f"**{group}**", "", "")] if group else []
        for option in found:
            anchor = f"{verb.name}-{max(option.names, key=len).lstrip('-').removeprefix('no-')}"
            names = ", ".join(f"`{name}`" for name in option.names)
            label = f" `{option.label}`" if option.label else ""
            rows.append((f'<a id="{anchor}"></a>{names}{label}', _sentence(option.help), option.default))
    return rows


def _grouped(options: Sequence[VerbOption]) -> dict[str, list[VerbOption]]:
    groups: dict[str, list[VerbOption]] = {"": []}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    return groups


def _sentence(text: str) -> str:
    """Return words of the help for Markdown: a star outside backticks is one."""
    parts = " ".join(text.split()).rstrip(".").split("`")
    return "`".join(part if number % 2 else part.replace("*", "\\*") for number, part in enumerate(parts))


def keys(cls: Any, section: str) -> Rows:
    """Return a row for each key of a section of a recipe, with an anchor for each: `train-epochs`.

    Args:
        cls: the section's configuration.
        section: its name in a recipe; empty for the keys at the top.
    """
    rows = [("key", "what it is", "default")]
    for option in options_of(cls):
        name = f"{section}-{option.name}".lstrip("-")
        default = "has to be given" if option.required else f"`{option.shown_default}`" if option.shown_default else ""
        known = f" One of {', '.join(f'`{word}`' for word in option.choices)}." if option.choices else ""
        words = option.meaning[:1].upper() + option.meaning[1:] + ("" if option.meaning.endswith(".") else ".")
        rows.append((f'<a id="{name}"></a>`{option.name}`', words + ("" if "`, " in words else known), default))
    return rows


def error_classes() -> Rows:
    """Return a row for each exception that upres raises on purpose."""
    rows = [("class", "is a", "what it says", "exit code")]
    for cls in ERRORS:
        base = "" if cls is errors.UpresError else f"`{cls.mro()[1].__name__}`"
        code = EXIT_FAILED if issubclass(cls, errors.FailedError) else EXIT_INPUT
        said = "" if cls in (errors.UpresError, errors.CancelledError) else str(code)
        rows.append((f"[`{cls.__name__}`](#{cls.__name__.lower()})", base, summary(cls, cls.__name__), said))
    return rows


def _below(cls: type[errors.UpresError]) -> list[type[errors.UpresError]]:
    return [each for child in cls.__subclasses__() for each in (child, *_below(child))]


# Those that others subclass are made and caught inside one folder.
ERRORS: list[type[errors.UpresError]] = [
    each for each in _below(errors.UpresError) if each.__module__ == errors.__name__
]
ERRORS.insert(0, errors.UpresError)

TABLES: Mapping[str, Callable[[], Rows]] = {
    "architectures": architectures,
    "discriminators": lambda: parts(DISCRIMINATORS),
    "losses": lambda: parts(LOSSES),
    "schedules": lambda: parts(SCHEDULES),
    "steps": lambda: parts(STEPS, of_module=True),
    "recipes": recipes,
    "limits": limits,
    "service limits": lambda: limits(SERVICE_LIMITS),
    "service parameters": service_parameters,
    "problems": problems,
    "exit codes": exit_codes,
    "variables": variables,
    "published sets": published_sets,
    "recipe keys": lambda: keys(Head, ""),
    "data keys": lambda: keys(DataOptions, "data"),
    "train keys": lambda: keys(TrainConfig, "train"),
    "optimizer keys": lambda: keys(OptimizerConfig, "optimizer"),
    "adversarial keys": lambda: keys(AdversarialConfig, "adversarial"),
    "protocol keys": lambda: keys(Protocol, "protocol"),
    "errors": error_classes,
    **{f"options of {verb.name}": partial(options_of_verb, verb) for verb in VERBS},
}


def written(name: str) -> str:
    """Return a table in Markdown."""
    head, *rows = TABLES[name]()
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |\n" for line in lines)


def renewed(text: str) -> str:
    """Return a page with its tables as the code has them."""
    return _MARKED.sub(lambda found: f"{found[1]}{written(found[2])}{found[3]}", text)


def pages() -> list[Path]:
    """Return the documents that hold such tables."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [page for page in found if _MARKED.search(page.read_text(encoding="utf-8"))]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; leave with 1 when a page is out of date")
    given = parser.parse_args()
    old = [page for page in pages() if renewed(page.read_text(encoding="utf-8")) != page.read_text(encoding="utf-8")]
    for page in old:
        print(f"{page.relative_to(ROOT)}: {'is out of date' if given.check else 'written anew'}")
        if not given.check:
            page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
    if given.check and old:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
