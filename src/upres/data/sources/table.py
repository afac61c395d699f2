"""The table of sources."""

from __future__ import annotations

from upres.config.tables import Table
from upres.data.sources.benchmark import Benchmark
from upres.data.sources.celeba import Celeba
from upres.data.sources.celeba_hq import CelebaHq
from upres.data.sources.cifar10 import Cifar10
from upres.data.sources.div2k import Div2k
from upres.data.sources.folder import Folder
from upres.data.sources.hf import Hf
from upres.data.sources.npz import Npz
from upres.data.sources.source import Source

SOURCES: Table[type[Source]] = Table(
    "upres.sources",
    {
        "div2k": Div2k,
        "celeba": Celeba,
        "celeba-hq": CelebaHq,
        "cifar10": Cifar10,
        "hf": Hf,
        "benchmark": Benchmark,
        "npz": Npz,
        "folder": Folder,
    },
)
"""In the order in which they are asked whether a path is theirs; `folder` takes any, so it is asked last of all."""

ANY_FOLDER = "folder"
