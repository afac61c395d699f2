"""What a configuration may say, read from the class itself: for help, documents and the schema of recipes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import MISSING
from typing import Any, Literal, get_args, get_origin, get_type_hints

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Option:
    """One field of a configuration.

    Attributes:
        name: of the field.
        hint: its type.
        required: whether it has no default.
        default: its default, or `None`.
        meaning: what its class says of it; empty where it says nothing.
    """

    name: str
    hint: Any
    required: bool
    default: Any
    meaning: str

    @property
    def shown_default(self) -> str:
        """The default in a word, as recipes write it; empty where there is none, or it is nothing."""
        value = self.default
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key}: {item:g}' for key, item in value.items())}}}"
        if isinstance(value, tuple):
            return f"[{', '.join(item if isinstance(item, str) else f'{item:g}' for item in value)}]"
        if dataclasses.is_dataclass(value):
            return ""
        return f"{value:g}" if isinstance(value, float) else str(value)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words or numbers that it may be, as written, where it is a choice of them."""
        return tuple(map(str, get_args(self.hint))) if get_origin(self.hint) is Literal else ()


def options_of(cls: Any) -> list[Option]:
    """Return the fields of a configuration, in order."""
    hints = get_type_hints(cls)
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        said = inspect.cleandoc(base.__doc__ or "") if dataclasses.is_dataclass(base) else ""
        section = said.partition("Attributes:")[2]
        indented = section if section.startswith("\n    ") else "\n".join(f"    {line}" for line in section.split("\n"))
        meanings |= {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(indented)}
    return [
        Option(
            field.name,
            hints[field.name],
            field.default is MISSING and field.default_factory is MISSING,
            field.default_factory()
            if field.default_factory is not MISSING
            else None
            if field.default is MISSING
            else field.default,
            meanings.get(field.name, ""),
        )
        for field in dataclasses.fields(cls)
    ]


def summary(part: Any, name: str, *, of_module: bool = False) -> str:
    """Return the first sentence about a row of a table: its class's, or that of its file.

    >>> summary(Option, "option")
    'One field of a configuration'
    """
    said = inspect.getmodule(part).__doc__ if of_module else inspect.getdoc(part)
    line = " ".join((said or "").split("\n\n")[0].split())
    return re.sub(rf"^{re.escape(name)}: ", "", line).rstrip(".")
