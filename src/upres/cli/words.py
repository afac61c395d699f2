"""What may stand on the command line, as data: verbs, their options, and what each takes.

It is read from the commands themselves, so that completion and manual pages say what `--help` says. Nothing heavy is
imported: names that heavy tables hold stand here again, and a test compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

FORMATS = ("png", "jpg", "webp", "tif", "gif", "bmp", "ppm", "avif", "jxl")
BACKENDS = ("onnx", "openvino", "torch")
DEVICES = ("cpu", "gpu", "cuda", "mps", "dml", "coreml", "npu")
PRECISIONS = ("fp32", "bf16", "fp16", "int8")
COLOURS = ("white", "black", "gray")
CODECS = ("h264", "h265", "av1", "vp9", "prores", "ffv1")
MATRICES = ("601", "709", "2020")
LOGS = ("text", "json", "off")
SETS = (
    "Set5",
    "Set14",
    "BSD100",
    "Urban100",
    "DIV2K",
    "DIV2K-validation",
    "DIV2K-bicubic-X2",
    "DIV2K-bicubic-X3",
    "DIV2K-bicubic-X4",
    "CIFAR-10",
    "CelebA",
)

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Values:
    """What an option or an argument takes.

    Attributes:
        names: the names that are known.
        files: whether it may be a file or a folder, too.
        several: whether several names may stand in one word, with commas.
    """

    names: tuple[str, ...] = ()
    files: bool = False
    several: bool = False


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        names: as they are typed, such as `-o` and `--output`, those that switch it off too.
        help: what it does.
        group: the group of the help in which it stands; empty for the first ones.
        label: what the help calls its value; empty for a switch.
        values: what it takes; `None` for a switch.
        repeated: whether it may be given several times.
        default: what it is where it is not given, as the help says it; empty where the help does not.
    """

    names: tuple[str, ...]
    help: str
    group: str = ""
    label: str = ""
    values: Values | None = None
    repeated: bool = False
    default: str = ""


@dataclass(frozen=True)
class Argument:
    """What a verb takes without an option's name.

    Attributes:
        label: what the help calls it.
        help: what it is.
        values: what it may be.
        required, repeated: whether it has to be there, and may be there several times.
    """

    label: str
    help: str
    values: Values
    required: bool
    repeated: bool


@dataclass(frozen=True)
class Verb:
    """One verb: its name, what it does (paragraphs), what it takes."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]

    @property
    def summary(self) -> str:
        """The first sentence of what it does."""
        return first_sentence(self.help)


HELP = Option(("-h", "--help"), "Show this message and leave.")
DEBUG = Option(("--debug",), "Show the traceback of an error.")
VERSION = Option(("--version",), "Print the version and leave.")


def verbs(group: Any) -> list[Verb]:
    """Return what may stand on the command line, which is Typer's command of all verbs."""
    found = []
    for name, command in group.commands.items():
        hints = get_type_hints(command.callback, include_extras=True)
        params = command.params
        arguments = tuple(_argument(param, hints[param.name]) for param in params if _positional(param))
        options = tuple(_option(param, hints[param.name]) for param in params if not _positional(param))
        found.append(Verb(name, _paragraphs(command.help), arguments, (*options, HELP, DEBUG)))
    return found


def first_sentence(text: str) -> str:
    """Return what stands before the first full stop, colon or semicolon.

    >>> first_sentence("Refuse larger pictures, by their header: before they are decoded.")
    'Refuse larger pictures, by their header'
    """
    return re.split(r"[.:;](?:\s|$)", text, maxsplit=1)[0]


def model_names() -> tuple[str, ...]:
    """Return the models' names."""
    from upres.models.shipped import BICUBIC, shipped

    return (*dict.fromkeys(model.name for model in shipped()), BICUBIC)


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with upres."""
    return tuple(sorted(path.stem for path in (_PACKAGE / "recipes").glob("*.yaml")))


def _option(param: Any, hint: Any) -> Option:
    switch = bool(param.is_flag)
    return Option(
        names=(*sorted(param.opts, key=len), *param.secondary_opts),
        help=param.help or "",
        group=getattr(param, "rich_help_panel", None) or "",
        label="" if switch else param.metavar or _label(hint, max(param.opts, key=len).strip("-")),
        values=None if switch else _values(param.name, hint),
        repeated=bool(param.multiple),
        default=str(param.default) if param.show_default and param.default not in (None, False, True) else "",
    )


def _argument(param: Any, hint: Any) -> Argument:
    return Argument(
        label=param.metavar or param.name.upper(),
        help=param.help or "",
        values=_values(param.name, hint),
        required=bool(param.required),
        repeated=param.nargs == -1,
    )


def _positional(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _values(name: str, hint: Any) -> Values:
    kind = _kind(hint)
    if kind is Path:
        return Values(files=True)
    if issubclass(kind, Enum):
        return Values(tuple(str(member.value) for member in kind))
    if kind is not str:
        return Values()
    if name in ("model", "models"):
        return Values(model_names(), files=True, several=get_origin(_plain(hint)) is not list and name == "models")
    known = {
        "form": FORMATS,
        "backend": ("auto", *BACKENDS),
        "device": ("auto", *DEVICES),
        "precision": ("near", "auto", *PRECISIONS),
        "background": COLOURS,
        "denoise": ("auto",),
        "codec": CODECS,
        "matrix": MATRICES,
        "log": LOGS,
        "sets": SETS,
    }
    if name in known:
        return Values(known[name])
    return Values(recipe_names() if name == "recipe" else (), files=name in ("recipe", "data", "features"))


def _plain(hint: Any) -> Any:
    """Return a type without its option and without `None`."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    return hint


def _kind(hint: Any) -> type:
    """Return the type of one value."""
    plain = _plain(hint)
    kind: type = get_args(plain)[0] if get_origin(plain) is list else plain
    return kind


def _label(hint: Any, name: str) -> str:
    kind = _kind(hint)
    if issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return {Path: "PATH", int: "N", float: "NUMBER"}.get(kind, name.upper())


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))
