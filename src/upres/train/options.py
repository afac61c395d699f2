"""How to train: everything in a recipe's `train` section that is not a part of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from upres.archs.initializing import INITIALIZATIONS
from upres.config import config
from upres.config.limits import MAX_STEPS
from upres.errors import nearest
from upres.losses import ADVERSARIAL
from upres.metrics import METRICS
from upres.train.optimizers import OptimizerConfig
from upres.train.sharpening import SharpenConfig
from upres.train.table import COMPILE_MODES, LOGGERS, OPTIMIZERS, PRECISIONS

# Each holds its pictures.
MAX_AHEAD = 64
_COUNTS = ("epochs", "steps", "batch", "steps_per_epoch", "accumulate", "keep_best")


@config
class IntervalConfig:
    """How often: one of these.

    Attributes:
        epochs: every so many epochs.
        steps: every so many steps of the optimiser, counted from the run's beginning.
        minutes: so long after the last time, by the clock, at the next step.
    """

    epochs: int | None = None
    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) != 1:
            said = ", ".join(f"{name} = {value}" for name, value in given.items()) or "none is given"
            raise ValueError(f"epochs, steps, minutes: {said}; give one of them")
        for name, value in given.items():
            if not 0 < value <= MAX_STEPS:
                raise ValueError(f"{name} = {value}: should be above 0, and at most {MAX_STEPS:,}")


Interval = int | IntervalConfig
"""An interval as recipes write it; a bare number counts epochs."""


def interval(given: Interval) -> IntervalConfig:
    """Return an interval in its long form.

    >>> interval(2)
    IntervalConfig(epochs=2, steps=None, minutes=None)
    """
    return IntervalConfig(epochs=given) if isinstance(given, int) else given


@config
class EarlyStoppingConfig:
    """Stop after `patience` validations (epochs, unless `validate_every` says otherwise) without a better value."""

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
    gradient_penalty: of the discriminator: how much the squared slope of its logits at hr counts in its loss; 0 for
        none (R1: Mescheder, Geiger, Nowozin, ICML 2018, equation 9, where half of it is called γ).
    optimizer: the discriminator's.
    """

    kind: str
    weight: float
    start: int = 0
    shift: int = 1
    gradient_penalty: float = 0.0
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
        if not 0 <= self.gradient_penalty < math.inf:
            raise ValueError(f"gradient_penalty = {self.gradient_penalty}: should be 0 or more")


@config
class TrainConfig:
    """Attributes:

    epochs: how long the run is; or `steps`.
    steps: how long the run is, in steps of the optimiser; or `epochs`.
    hours: how long a start or a resume may take, from the beginning of the command; then the run ends at the next step
        and can be resumed. Left out, the run goes to its end.
    batch: pairs a step, over all processes.
    steps_per_epoch: batches an epoch; left out, an epoch visits every picture once.
    precision: one of `PRECISIONS`; `bf16` computes convolutions in bfloat16 and keeps weights and loss in float32.
        `fp16` is for GPUs alone; its gradients are scaled.
    compile: one of `COMPILE_MODES`: `none`, or how PyTorch's compiler makes the network's training step faster; the
        first step waits for it. `reduce-overhead` records CUDA graphs on a GPU.
    gradient_checkpointing: keep only what goes into each block, and compute the rest again for its gradient: less
        memory, the time of one more forward pass, the same weights.
    prefetch: batches that a thread draws ahead; left out, 2 on a GPU and none on the CPU, whose cores train. They are
        the same.
    resident: all training pictures lie in the memory of the device that trains, hr and lr as bytes, and batches are cut
        there, the same ones; nothing is drawn ahead then.
    initialization: one of `INITIALIZATIONS`: `own`, the architecture's, which are PyTorch's defaults unless its paper
        says otherwise, or `keras`: Glorot's, with biases of 0. Where there is `init`, that comes after.
    optimizer: which one, and its settings.
    monitor: what decides the best weights and early stopping, on the validation pictures: `psnr` (highest),
        `loss` or the name of one loss term (lowest), the name of one of the recipe's metrics, or `last` (the last
        weights are kept). Left out, it is `psnr`; in adversarial training `perceptual` where there is that term (or
        `style`, `lpips`, `dists`), else `last`.
    metrics: names of `METRICS` that are measured on the training crops too, as they are trained on, by the recipe's
        protocol; each is the epoch's mean. What the recipe's metrics leave out of them, validation measures as well.
    ema: decay of the averaged weights that are validated and shipped; 0 turns averaging off.
    clip: largest gradient norm; left out, gradients are not clipped.
    freeze: patterns of names of the network's parameters that are not trained, such as `body.*`.
    sharpen: what the losses are held against gets sharper edges than the pictures have; a discriminator and validation
        see the pictures. Left out, nothing is sharpened.
    accumulate: batches whose gradients are averaged into one step of the optimiser.
    early_stopping: left out, all epochs are run.
    validate_every: between two validations, each of which is a row of metrics.csv, may be the best, and is kept in
        last.ckpt: epochs, or a mapping of `epochs`, `steps` or `minutes`. The last step always has one.
    checkpoint_every: between two more last.ckpt, besides those of validations.
    keep_best: how many of the best weights to keep; the first is best.safetensors, and `weights/` holds the others.
    keep_every: between two weights that are kept in `weights/` whatever they reached.
    samples: how many validation pictures the sample panel shows; 0 draws none.
    samples_show: the panel's columns, from left to right: `lr`, `bicubic`, `sr` (what the network makes of it), `hr`,
        and `original`: the picture before it was cropped, shrunk or resized to be hr.
    samples_every: between two sample panels; the last step always has one.
    log_every: between two steps whose losses and rates the loggers are told, besides the rows of metrics.csv; `null`
        for none.
    loggers: names of `LOGGERS`: who is told the rows of metrics.csv besides.
    """

    epochs: int | None = None
    steps: int | None = None
    hours: float | None = None
    batch: int = 16
    steps_per_epoch: int | None = None
    precision: str = "fp32"
    compile: str = "none"
    gradient_checkpointing: bool = False
    prefetch: int | None = None
    resident: bool = False
    initialization: str = "own"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    monitor: str | None = None
    metrics: tuple[str, ...] = ()
    ema: float = 0.0
    clip: float | None = None
    freeze: tuple[str, ...] = ()
    sharpen: SharpenConfig | None = None
    accumulate: int = 1
    early_stopping: EarlyStoppingConfig | None = None
    validate_every: Interval = 1
    checkpoint_every: Interval | None = None
    keep_best: int = 1
    keep_every: Interval | None = None
    samples: int = 3
    samples_show: tuple[Literal["original", "hr", "lr", "bicubic", "sr"], ...] = ("lr", "bicubic", "sr", "hr")
    samples_every: Interval = 1
    log_every: Interval | None = field(default_factory=lambda: IntervalConfig(steps=100))
    loggers: tuple[str, ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        _check_name("precision", self.precision, PRECISIONS)
        _check_name("compile", self.compile, COMPILE_MODES)
        _check_name("initialization", self.initialization, INITIALIZATIONS)
        _check_name("optimizer.name", self.optimizer.name, OPTIMIZERS)
        _check_names("metrics", self.metrics, METRICS)
        _check_names("loggers", self.loggers, LOGGERS)
        if self.epochs is None and self.steps is None:
            raise ValueError("epochs is missing and has no default: say how long the run is by it, or by steps")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(f"steps = {self.steps}: epochs = {self.epochs} is given too; say once how long the run is")
        for name in (*_COUNTS, "validate_every", "checkpoint_every", "keep_every", "samples_every", "log_every"):
            count = getattr(self, name)
            if isinstance(count, int) and not 1 <= count <= MAX_STEPS:
                bound = "at least 1" if count < 1 else f"at most {MAX_STEPS:,}"
                raise ValueError(f"{name} = {str(count)[:40]}: should be {bound}")
        if self.prefetch is not None and not 0 <= self.prefetch <= MAX_AHEAD:
            raise ValueError(f"prefetch = {self.prefetch}: should be from 0 to {MAX_AHEAD}")
        if self.resident and self.prefetch:
            raise ValueError(f"prefetch = {self.prefetch}: resident leaves nothing to draw ahead; give one of the two")
        if self.samples < 0:
            raise ValueError(f"samples = {self.samples}: should be at least 0, which draws none")
        if not self.samples_show or len(set(self.samples_show)) < len(self.samples_show):
            raise ValueError(f"samples_show = {list(self.samples_show)}: should name columns, each once")
        if self.hours is not None and not self.hours > 0:
            raise ValueError(f"hours = {self.hours}: should be above 0; leave it out to go to the end")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema = {self.ema}: should be in [0, 1)")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip = {self.clip}: should be above 0; leave it out to not clip")


def _check_names(key: str, names: Sequence[str], table: Mapping[str, Any]) -> None:
    for number, name in enumerate(names):
        _check_name(f"{key}.{number}", name, table)
        if name in names[:number]:
            raise ValueError(f"{key} = {list(names)}: names {name} twice; give each once")


def _check_name(key: str, name: str, table: Mapping[str, Any]) -> None:
    if name not in table:
        raise ValueError(f"{key} = {name!r} is unknown: {nearest(name, table)}")
