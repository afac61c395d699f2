"""Marks: numbers that a benchmark is to reach, as data; printed beside what was measured, and counted by `all`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

COUNTED = "UPRES_BENCHMARK_MARKS"
"""The environment variable with the file to which each mark that was looked at adds a line, for `benchmarks.all`."""


@dataclass(frozen=True)
class Mark:
    """A bound on a number: `words` say which number, `unit` belongs to both."""

    words: str
    sign: Literal["<", "≤", "≥"]
    bound: float
    unit: str = ""

    def reached(self, value: float) -> bool:
        """Whether a value is within the bound; one that is not a number is not."""
        return {"<": value < self.bound, "≤": value <= self.bound, "≥": value >= self.bound}[self.sign]

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}{f' {self.unit}' if self.unit else ''}"


def held_against(mark: Mark, value: float, of: str = "") -> bool:
    """Print a measured value beside its mark, count it, and return whether the mark is reached.

    Args:
        mark: the mark.
        value: what was measured, in the mark's unit.
        of: what it was measured of, where a script looks at several things.
    """
    reached = mark.reached(value)
    words = f"{of}: {mark.words}" if of else mark.words
    unit = f" {mark.unit}" if mark.unit else ""
    line = f"{words}: {value:.4g}{unit} (mark {mark}) {'reached' if reached else 'MISSED'}"
    print(line, flush=True)
    if place := os.environ.get(COUNTED):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"line": line, "reached": reached}) + "\n")
    return reached


def counted(place: Path) -> tuple[int, list[str]]:
    """Return how many marks were looked at, and the lines of those that were missed."""
    rows = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()] if place.is_file() else []
    return len(rows), [row["line"] for row in rows if not row["reached"]]
