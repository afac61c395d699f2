"""What the first comment of a shipped recipe says: the task, the data, the expected result, and the cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SAID = re.compile(r"^(Data|Result|Cost): ", re.MULTILINE)


@dataclass(frozen=True)
class Header:
    """Attributes:

    task: what the recipe is for, in a sentence.
    data: what it is trained on.
    result: what it reached, measured.
    cost: how long that took.
    """

    task: str
    data: str
    result: str
    cost: str


def header_of(path: Path) -> Header:
    """Return what the first comment of a recipe says; what it does not say is empty."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    first, *rest = _SAID.split("\n".join(lines))
    said = {name: " ".join(text.split()) for name, text in zip(rest[::2], rest[1::2], strict=True)}
    task = re.split(r"(?<=[a-z)])[.:] |\.$", " ".join(first.split()))[0]
    return Header(task, *(said.get(name, "") for name in ("Data", "Result", "Cost")))
