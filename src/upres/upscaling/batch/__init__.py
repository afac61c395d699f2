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
from upres.upscaling.batch.manifest import MANIFEST, Manifest

__all__ = [
    "MANIFEST",
    "BatchSettings",
    "Job",
    "JobProgress",
    "Manifest",
    "Outcome",
    "find_jobs",
    "suffix_like",
    "suffix_of",
    "unportable",
]
