"""Training on Lightning."""

from __future__ import annotations

from upres.train.options import TrainConfig
from upres.train.run import fit, set_seed
from upres.train.schedules import SCHEDULES, Schedule

__all__ = ["SCHEDULES", "Schedule", "TrainConfig", "fit", "set_seed"]
