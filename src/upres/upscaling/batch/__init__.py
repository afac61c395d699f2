"""Many files: which becomes which, what became of each, and in `engines` what enlarges them."""

from upres.upscaling.batch.jobs import (
    BatchSettings,
    Job,
    JobProgress,
    Outcome,
    find_jobs,
    suffix_like,
    suffix_of,
    unportable,
)
from upres.upscaling.batch.manifest import MANIFEST, Log, Manifest, StoredManifest, manifest_name, weights
from upres.upscaling.batch.shards import Shard, parse_shard

__all__ = [
    "MANIFEST",
    "BatchSettings",
    "Job",
    "JobProgress",
    "Log",
    "Manifest",
    "Outcome",
    "Shard",
    "StoredManifest",
    "find_jobs",
    "manifest_name",
    "parse_shard",
    "suffix_like",
    "suffix_of",
    "unportable",
    "weights",
]
