"""How to train: everything in a recipe's `train` section that is not a part of its own."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from upres.config import config


@config
class AdamConfig:
    """Adam (Kingma and Ba, ICLR 2015); `weight_decay` is decoupled (AdamW)."""

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0


@config
class EarlyStoppingConfig:
    """Stop after `patience` epochs without a better monitored value."""

    patience: int = 10


@config
class TrainConfig:
    """Attributes:

    epochs: how many at most; validation, samples and checkpoints come after each.
    batch: pairs a step, over all processes.
    steps_per_epoch: steps an epoch; left out, an epoch visits every picture once.
    precision: `bf16` computes convolutions in bfloat16 and keeps weights and loss in float32.
    optimizer: Adam's settings.
    monitor: what decides the best weights and early stopping: `psnr` (highest) or `loss` (lowest), both on
        the validation pictures.
    ema: decay of the averaged weights that are validated and shipped; 0 turns averaging off.
    clip: largest gradient norm; left out, gradients are not clipped.
    accumulate: batches whose gradients are added before a step of the optimiser.
    early_stopping: left out, all epochs are run.
    samples: how many validation pictures the sample panel shows.
    samples_every: epochs between two sample panels; the last epoch always has one.
    """

    epochs: int
    batch: int = 16
    steps_per_epoch: int | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    optimizer: AdamConfig = field(default_factory=AdamConfig)
    monitor: Literal["psnr", "loss"] = "psnr"
    ema: float = 0.0
    clip: float | None = None
    accumulate: int = 1
    early_stopping: EarlyStoppingConfig | None = None
    samples: int = 3
    samples_every: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "accumulate", "samples_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: should be at least 1")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema = {self.ema}: should be in [0, 1)")
