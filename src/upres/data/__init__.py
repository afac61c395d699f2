"""Training data: sources → a cache → patches. A new source is one file here and one line in `sources.SOURCES`."""

from __future__ import annotations

from upres.data.cache import Cache, build_cache
from upres.data.patches import Patches, whole_pictures
from upres.data.sources.open import SOURCES, open_source, parse_source
from upres.data.sources.source import Outline, Sample, Source
from upres.data.splits import open_splits
from upres.storage.cache_home import cache_home

__all__ = [
    "SOURCES",
    "Cache",
    "Outline",
    "Patches",
    "Sample",
    "Source",
    "build_cache",
    "cache_home",
    "open_source",
    "open_splits",
    "parse_source",
    "whole_pictures",
]
