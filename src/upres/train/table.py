"""What a recipe chooses from by name: optimisers, schedules, precisions, loggers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from upres.config.tables import Table
from upres.train.loggers import tensorboard, wandb
from upres.train.optimizers import adam, soap
from upres.train.schedules import Constant, Cosine, MultiStep, OneCycle, Plateau, Schedule

OPTIMIZERS: Table[Callable[..., Optimizer]] = Table(
    "upres.train.optimizers",
    {
        "adam": adam,
        "soap": soap,
    },
)

SCHEDULES: Table[type[Schedule]] = Table(
    "upres.train.schedules",
    {
        "constant": Constant,
        "cosine": Cosine,
        "multi-step": MultiStep,
        "one-cycle": OneCycle,
        "plateau": Plateau,
    },
)

# Lightning's names for them.
PRECISIONS: Table[str] = Table(
    "upres.train.precisions",
    {
        "fp32": "32-true",
        "bf16": "bf16-mixed",
        "fp16": "16-mixed",
    },
)

# PyTorch's names for them; no name, no compiling.
COMPILE_MODES: Table[str | None] = Table(
    "upres.train.compile_modes",
    {
        "none": None,
        "default": "default",
        "reduce-overhead": "reduce-overhead",
        "max-autotune": "max-autotune",
    },
)

LOGGERS: Table[Callable[[Path], Logger]] = Table(
    "upres.train.loggers",
    {
        "tensorboard": tensorboard,
        "wandb": wandb,
    },
)
