"""How to train: everything in a recipe's `train` section that is not a part of its own."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from upres.config import config


@config
class OptimizerConfig:
    """Attributes:

    name: `adam`, or `soap`, which learns more from a step: see `upres.train.optimizers`.
    rate: the full learning rate; `soap` bears about five times Adam's.
    betas: decays of the gradients' mean and of their squares' mean; left out, 0.9 and 0.999 for `adam`, 0.95 and
        0.99 for `soap`.
    epsilon: added to the root of the squares' mean.
    weight_decay: part of the weights, in learning rates, that every step takes off.
    """

    name: Literal["adam", "soap"] = "adam"
    rate: float = 1e-3
    betas: tuple[float, float] | None = None
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rate", "epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: should be above 0")
        if not all(0 <= beta < 1 for beta in self.betas or ()):
            raise ValueError(f"betas = {list(self.betas or ())}: each should be in [0, 1)")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay = {self.weight_decay}: should be 0 or more")


@config
class EarlyStoppingConfig:
    """Stop after `patience` epochs without a better monitored value."""

    patience: int = 10


@config
class AdversarialConfig:
    """Attributes:

    kind: the game; see `upres.losses.adversarial`.
    weight: of the generator's adversarial term, beside the weights of the losses.
    start: steps of the optimiser before the game begins; until then the generator trains on the losses alone.
    optimizer: the discriminator's.
    """

    kind: Literal["vanilla", "least-squares", "hinge", "relativistic"]
    weight: float
    start: int = 0
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(rate=1e-4))

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"weight = {self.weight}: should be above 0; without a game, leave adversarial out")
        if self.start < 0:
            raise ValueError(f"start = {self.start}: should be a number of steps, 0 or more")


@config
class TrainConfig:
    """Attributes:

    epochs: how many at most; validation, samples and checkpoints come after each.
    batch: pairs a step, over all processes.
    steps_per_epoch: steps an epoch; left out, an epoch visits every picture once.
    precision: `bf16` computes convolutions in bfloat16 and keeps weights and loss in float32.
    optimizer: which one, and its settings.
    monitor: what decides the best weights and early stopping, on the validation pictures: `psnr` (highest),
        `loss` or the name of one loss term (lowest), or `last` (the last weights are kept). Left out, it is
        `psnr`; in adversarial training `perceptual` where there is that term, else `last`.
    ema: decay of the averaged weights that are validated and shipped; 0 turns averaging off.
    clip: largest gradient norm; left out, gradients are not clipped.
    accumulate: batches whose gradients are averaged into one step of the optimiser.
    early_stopping: left out, all epochs are run.
    samples: how many validation pictures the sample panel shows.
    samples_every: epochs between two sample panels; the last epoch always has one.
    loggers: who is told the rows of metrics.csv besides: `tensorboard`, `wandb` (Weights & Biases).
    """

    epochs: int
    batch: int = 16
    steps_per_epoch: int | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    monitor: str | None = None
    ema: float = 0.0
    clip: float | None = None
    accumulate: int = 1
    early_stopping: EarlyStoppingConfig | None = None
    samples: int = 3
    samples_every: int = 1
    loggers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "accumulate", "samples_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: should be at least 1")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema = {self.ema}: should be in [0, 1)")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip = {self.clip}: should be above 0; leave it out to not clip")
