"""What is in a set of pictures: sizes, colours, detail, duplicates, faults, and what plain bicubic reaches on it."""

from __future__ import annotations

from upres.explore.html import as_html
from upres.explore.sheet import pairs_sheet
from upres.explore.summary import as_json, summary
from upres.explore.survey import Exploration, explore

__all__ = ["Exploration", "as_html", "as_json", "explore", "pairs_sheet", "summary"]
