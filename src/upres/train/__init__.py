"""Training on Lightning."""

from __future__ import annotations

from upres.train.adversarial import AdversarialTraining
from upres.train.components import Components
from upres.train.freezing import freeze
from upres.train.monitor import monitored
from upres.train.optimizers import OptimizerConfig
from upres.train.options import AdversarialConfig, TrainConfig
from upres.train.processes import first_process, processes
from upres.train.run import Reached, fit, reached, set_seed
from upres.train.schedules import Schedule
from upres.train.table import LOGGERS, OPTIMIZERS, PRECISIONS, SCHEDULES

__all__ = [
    "LOGGERS",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "AdversarialConfig",
    "AdversarialTraining",
    "Components",
    "OptimizerConfig",
    "Reached",
    "Schedule",
    "TrainConfig",
    "first_process",
    "fit",
    "freeze",
    "monitored",
    "processes",
    "reached",
    "set_seed",
]
