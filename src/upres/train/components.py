"""What a run is made of: everything is built, and it fits together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from upres.archs import Network
from upres.archs.layers.blocks import Blocks, batch_norms
from upres.data import Cache, Patches
from upres.errors import ConfigError
from upres.losses import Loss
from upres.metrics import Metric, Protocol
from upres.models.facts import Facts
from upres.train.adversarial import AdversarialTraining
from upres.train.devices import device_type
from upres.train.loggers import check_installed
from upres.train.options import TrainConfig, interval
from upres.train.plots import Original
from upres.train.schedules import Plateau, Schedule
from upres.train.validation import ValidationSet


@dataclass(frozen=True, kw_only=True)
class Components:
    """The components of a run.

    Attributes:
        network: what to train; its present weights are the start.
        facts: written into `best.safetensors` with the validation score.
        losses: terms and their weights, by name.
        patches: training batches.
        validation: pictures to measure on, which decide the best weights.
        options: how to train.
        schedule: the learning-rate schedule.
        monitor: what decides the best weights and early stopping, as `monitored` returns it.
        protocol: how PSNR is measured.
        metrics: what is measured on the validation pictures besides, by name.
        training_metrics: what is measured on the training crops, by name.
        further: more pictures to measure on, by the name of their set.
        original: gives a validation picture as it was before it became hr, for sample panels that show it.
        adversarial: the discriminator and its loss, for adversarial training.
        devices: processes on a machine, each with a device of its own; they share every batch.
        nodes: machines.
        device: one of `upres.train.devices.DEVICES`; where all of it is computed.

    Raises:
        ConfigError: components that are each right and together are not; names the keys, and what to change.
        MissingExtraError: a logger is not installed.
    """

    network: Network
    facts: Facts
    losses: Mapping[str, tuple[float, Loss]]
    patches: Patches
    validation: Cache
    options: TrainConfig
    schedule: Schedule
    monitor: str
    protocol: Protocol
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    training_metrics: Mapping[str, Metric] = field(default_factory=dict)
    further: Mapping[str, ValidationSet] = field(default_factory=dict)
    original: Original | None = None
    adversarial: AdversarialTraining | None = None
    devices: int = 1
    nodes: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        options, batch, processes = self.options, self.patches.batch, self.devices * self.nodes
        for name in options.loggers:
            check_installed(name)
        self._check_machine()
        if options.early_stopping is not None and self.monitor == "last":
            raise ConfigError(
                "train.early_stopping needs something to watch, and train.monitor = 'last' watches nothing; leave "
                "early_stopping out, or add a perceptual loss and monitor that"
            )
        if batch % processes:
            raise ConfigError(
                f"train.batch = {batch}: cannot be shared evenly by {processes} processes; "
                f"make it a multiple of {processes}"
            )
        if isinstance(self.schedule, Plateau) and interval(options.validate_every).minutes is not None:
            raise ConfigError(
                "train.validate_every.minutes: schedule plateau waits for validations, so the rate would follow the "
                "clock; give validate_every in steps or epochs, or another schedule"
            )
        for name, (_, loss) in self.losses.items():
            if loss.uses_averaged and not options.ema:
                raise ConfigError(
                    f"losses: {name} compares with the averaged weights, and train.ema is left out, so there are none; "
                    "set train.ema, 0.999 for example"
                )
        if self.adversarial is None:
            return
        steps, start = self.total_steps, self.adversarial.options.start
        if start >= steps:
            raise ConfigError(
                f"adversarial.start = {start}: the run has {steps} steps, so its discriminator would never take part; "
                "lower it, or raise train.epochs or train.steps"
            )
        if options.precision == "fp16":
            raise ConfigError(
                "train.precision = 'fp16': the gradients of generator and discriminator would need a scale each; use "
                "bf16 or fp32"
            )

    def _check_machine(self) -> None:
        options, on = self.options, device_type(self.device)
        if options.precision == "fp16" and on == "cpu" and self.adversarial is None:  # else it is refused anywhere
            raise ConfigError(
                "train.precision = 'fp16': PyTorch trains so on GPUs alone, and this run is on the CPU; use bf16 or "
                "fp32"
            )
        if options.resident and not isinstance(self.patches.cache, Cache):
            raise ConfigError("train.resident: shards come and go, so they cannot stay on the device; leave it out")
        if options.gradient_checkpointing and not any(isinstance(part, Blocks) for part in self.network.modules()):
            raise ConfigError(
                "train.gradient_checkpointing: this architecture has no row of blocks between which to forget; leave "
                "it out"
            )
        if options.gradient_checkpointing and options.compile != "none" and batch_norms(self.network):
            raise ConfigError(
                f"train.compile = {options.compile!r}: PyTorch's compiler does not know batch normalisations that "
                "gradient_checkpointing computes twice; leave one of the two out"
            )

    @property
    def ahead(self) -> int:
        """Batches that are drawn ahead."""
        if self.options.resident:
            return 0
        asked = self.options.prefetch
        return (0 if device_type(self.device) == "cpu" else 2) if asked is None else asked

    @property
    def more_is_better(self) -> bool:
        """Whether the best weights are those of the largest monitored value."""
        return self.monitor == "psnr" or (self.monitor in self.metrics and self.metrics[self.monitor].better == "more")

    @property
    def epoch_steps(self) -> int:
        """Optimiser steps an epoch."""
        return math.ceil(len(self.patches) / self.options.accumulate)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the run."""
        return self.options.steps or (self.options.epochs or 1) * self.epoch_steps
