"""Training data: sources → a cache → patches."""

from __future__ import annotations

from upres.data.cache import Cache, build_cache
from upres.data.patches import Patches, whole_pictures
from upres.data.sources.open import open_source, parse_source
from upres.data.sources.source import Convention, Outline, Sample, Source
from upres.data.sources.table import SOURCES
from upres.data.splits import open_splits
from upres.storage.cache_home import cache_home

__all__ = [
    "SOURCES",
    "Cache",
    "Convention",
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
