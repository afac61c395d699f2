"""Training on Lightning."""

from __future__ import annotations

from upres.train.adversarial import Game
from upres.train.monitor import monitored
from upres.train.options import AdversarialConfig, TrainConfig
from upres.train.processes import first_process, processes
from upres.train.run import check_together, fit, set_seed
from upres.train.schedules import SCHEDULES, Schedule

__all__ = [
    "SCHEDULES",
    "AdversarialConfig",
    "Game",
    "Schedule",
    "TrainConfig",
    "check_together",
    "first_process",
    "fit",
    "monitored",
    "processes",
    "set_seed",
]
