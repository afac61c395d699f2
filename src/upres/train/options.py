"""How to train: everything in a recipe's `train` section that is not a part of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from upres.config import config
from upres.config.limits import MAX_STEPS
from upres.errors import nearest
from upres.losses import ADVERSARIAL
from upres.train.optimizers import OptimizerConfig
from upres.train.table import LOGGERS, OPTIMIZERS, PRECISIONS


@config
class EarlyStoppingConfig:
    """Stop after `patience` epochs without a better monitored value."""

    patience: int = 10


@config
class AdversarialConfig:
    """Attributes:

    kind: one of `upres.losses.ADVERSARIAL`.
    weight: of the generator's adversarial loss, beside the weights of the losses.
    start: steps of the optimiser before the discriminator takes part; until then the generator trains on the losses
        alone.
    shift: the discriminator sees pictures whose first up to so many rows and columns less one are cut off, at
        random each step, as the losses of features do; 1 cuts nothing.
    optimizer: the discriminator's.
    """

    kind: str
    weight: float
    start: int = 0
    shift: int = 1
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(rate=1e-4))

    def __post_init__(self) -> None:
        _check_name("kind", self.kind, ADVERSARIAL)
        _check_name("optimizer.name", self.optimizer.name, OPTIMIZERS)
        if not self.weight > 0:
            raise ValueError(f"weight = {self.weight}: should be above 0; or leave adversarial out")
        if self.start < 0:
            raise ValueError(f"start = {self.start}: should be a number of steps, 0 or more")
        if self.shift < 1:
            raise ValueError(f"shift = {self.shift}: should be at least 1")


@config
class TrainConfig:
    """Attributes:

    epochs: how many at most; validation, samples and checkpoints come after each.
    batch: pairs a step, over all processes.
    steps_per_epoch: steps an epoch; left out, an epoch visits every picture once.
    precision: one of `PRECISIONS`; `bf16` computes convolutions in bfloat16 and keeps weights and loss in float32.
    optimizer: which one, and its settings.
    monitor: what decides the best weights and early stopping, on the validation pictures: `psnr` (highest),
        `loss` or the name of one loss term (lowest), the name of one of the recipe's metrics, or `last` (the last
        weights are kept). Left out, it is `psnr`; in adversarial training `perceptual` where there is that term (or
        `style`, `lpips`, `dists`), else `last`.
    ema: decay of the averaged weights that are validated and shipped; 0 turns averaging off.
    clip: largest gradient norm; left out, gradients are not clipped.
    freeze: patterns of names of the network's parameters that are not trained, such as `body.*`.
    accumulate: batches whose gradients are averaged into one step of the optimiser.
    early_stopping: left out, all epochs are run.
    samples: how many validation pictures the sample panel shows; 0 draws none.
    samples_every: epochs between two sample panels; the last epoch always has one.
    loggers: names of `LOGGERS`: who is told the rows of metrics.csv besides.
    """

    epochs: int
    batch: int = 16
    steps_per_epoch: int | None = None
    precision: str = "fp32"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    monitor: str | None = None
    ema: float = 0.0
    clip: float | None = None
    freeze: tuple[str, ...] = ()
    accumulate: int = 1
    early_stopping: EarlyStoppingConfig | None = None
    samples: int = 3
    samples_every: int = 1
    loggers: tuple[str, ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        _check_name("precision", self.precision, PRECISIONS)
        _check_name("optimizer.name", self.optimizer.name, OPTIMIZERS)
        for number, name in enumerate(self.loggers):
            _check_name(f"loggers.{number}", name, LOGGERS)
        for name in ("epochs", "batch", "steps_per_epoch", "accumulate", "samples_every"):
            count = getattr(self, name)
            if count is not None and not 1 <= count <= MAX_STEPS:
                bound = "at least 1" if count < 1 else f"at most {MAX_STEPS:,}"
                raise ValueError(f"{name} = {str(count)[:40]}: should be {bound}")
        if self.samples < 0:
            raise ValueError(f"samples = {self.samples}: should be at least 0, which draws none")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema = {self.ema}: should be in [0, 1)")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip = {self.clip}: should be above 0; leave it out to not clip")


def _check_name(key: str, name: str, table: Mapping[str, Any]) -> None:
    if name not in table:
        raise ValueError(f"{key} = {name!r} is unknown: {nearest(name, table)}")
