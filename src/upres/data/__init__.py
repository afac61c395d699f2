"""Training data: sources → a cache → patches. A new source is one file here and one line in `SOURCES`."""

from __future__ import annotations

from upres.data.cache import Cache, build_cache
from upres.data.cifar10 import Cifar10
from upres.data.folder import Folder
from upres.data.npz import Npz
from upres.data.patches import Patches, whole_pictures
from upres.data.source import Sample, Source
from upres.folders import cache_home

SOURCES: dict[str, type[Source]] = {
    "cifar10": Cifar10,
    "folder": Folder,
    "npz": Npz,
}

__all__ = ["SOURCES", "Cache", "Patches", "Sample", "Source", "build_cache", "cache_home", "whole_pictures"]
