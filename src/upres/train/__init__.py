"""Training on Lightning."""

from __future__ import annotations

from upres.train.importing import LIGHTNING  # noqa: F401 -- before the others, which import it

# isort: split
from upres.train.adversarial import AdversarialTraining
from upres.train.components import Components
from upres.train.devices import DEVICES, device_type
from upres.train.freezing import freeze
from upres.train.machines import share_run
from upres.train.monitor import monitored
from upres.train.optimizers import OptimizerConfig
from upres.train.options import AdversarialConfig, IntervalConfig, TrainConfig
from upres.train.processes import first_process, processes, torchrun_advice
from upres.train.run import Reached, fit, reached, set_seed
from upres.train.schedules import Schedule
from upres.train.table import LOGGERS, OPTIMIZERS, PRECISIONS, SCHEDULES
from upres.train.validation import ValidationSet

__all__ = [
    "DEVICES",
    "LOGGERS",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "AdversarialConfig",
    "AdversarialTraining",
    "Components",
    "IntervalConfig",
    "OptimizerConfig",
    "Reached",
    "Schedule",
    "TrainConfig",
    "ValidationSet",
    "device_type",
    "first_process",
    "fit",
    "freeze",
    "monitored",
    "processes",
    "reached",
    "set_seed",
    "share_run",
    "torchrun_advice",
]
