"""What a recipe chooses from by name, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upres.archs import ARCHS, DISCRIMINATORS
from upres.data import SOURCES
from upres.degrade import DEGRADATIONS, STEPS
from upres.losses import LOSSES
from upres.metrics import METRICS
from upres.train import LOGGERS, OPTIMIZERS, SCHEDULES, OptimizerConfig


@dataclass(frozen=True)
class Kind:
    """A kind of named parts.

    Attributes:
        table: the parts by name.
        key: where a recipe names one.
        of_module: whether a part's file says what it is, rather than its class.
        config: of all of them, where they have none of their own; `None` for no options.
    """

    table: Mapping[str, Any]
    key: str
    of_module: bool = False
    config: type[Any] | None = None

    def config_of(self, name: str) -> type[Any] | None:
        """Return the configuration of a part."""
        row = self.table[name]
        return self.config if self.config is not None or self.table is LOGGERS else row.config_type


KINDS: Mapping[str, Kind] = {
    "archs": Kind(ARCHS, "arch", of_module=True),
    "losses": Kind(LOSSES, "losses"),
    "degradations": Kind(DEGRADATIONS, "degradation"),
    "steps": Kind(STEPS, "degradation.steps", of_module=True),
    "metrics": Kind(METRICS, "metrics"),
    "sources": Kind(SOURCES, "data.train, data.validation"),
    "optimizers": Kind(OPTIMIZERS, "train.optimizer", config=OptimizerConfig),
    "schedules": Kind(SCHEDULES, "schedule"),
    "discriminators": Kind(DISCRIMINATORS, "adversarial.discriminator"),
    "loggers": Kind(LOGGERS, "train.loggers"),
}
