"""Many files: which becomes which, all of them enlarged, and a line for each."""

from __future__ import annotations

from upres.upscaling.batch.jobs import Job, find_jobs, suffix_of
from upres.upscaling.batch.local import Outcome, Progress, Settings, run
from upres.upscaling.batch.manifest import MANIFEST, Manifest

__all__ = ["MANIFEST", "Job", "Manifest", "Outcome", "Progress", "Settings", "find_jobs", "run", "suffix_of"]
