"""Many files: which becomes which, all of them enlarged, and a line for each."""

from __future__ import annotations

from upres.batch.jobs import Job, find_jobs, suffix_of
from upres.batch.manifest import MANIFEST, Manifest
from upres.batch.pipeline import Outcome, Progress, Settings, run

__all__ = ["MANIFEST", "Job", "Manifest", "Outcome", "Progress", "Settings", "find_jobs", "run", "suffix_of"]
