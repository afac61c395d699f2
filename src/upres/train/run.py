"""One training run, from a network and data to a run folder."""

from __future__ import annotations

import ctypes
import logging
import math
import signal
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.strategies import DDPStrategy

from upres.archs import Network
from upres.data import Cache, Patches
from upres.data.evenly_spaced import evenly_spaced
from upres.errors import ConfigError, ModelError, first_line
from upres.image import imresize
from upres.losses import Loss
from upres.metrics import Protocol, measure
from upres.models.facts import Facts
from upres.train.adversarial import Game
from upres.train.bad_batch import BadBatchError, keep
from upres.train.bar import RunBar
from upres.train.callbacks import History, KeepBest, KeepLast, Samples
from upres.train.loggers import LOGGERS, check_installed
from upres.train.module import Training
from upres.train.monitor import monitored
from upres.train.options import TrainConfig
from upres.train.processes import first_process
from upres.train.report import environment_of, write_report
from upres.train.schedules import Schedule

_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def fit(
    network: Network,
    facts: Facts,
    losses: Mapping[str, tuple[float, Loss]],
    patches: Patches,
    validation: Cache,
    options: TrainConfig,
    schedule: Schedule,
    protocol: Protocol,
    folder: Path,
    *,
    game: Game | None = None,
    devices: int = 1,
    nodes: int = 1,
    resume: bool = False,
    bar: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train, and return the path of the best weights.

    The run folder gets `best.safetensors`, `last.ckpt`, `metrics.csv`, `loss.png`, `samples/`, `report.html` and
    TensorBoard events. Batches depend on the patches' seed and the step only, and everything else that changes is
    in `last.ckpt`: a run resumed from it ends with the same weights, bit for bit, as one never interrupted.

    Args:
        network: what to train; its present weights are the start.
        facts: written into `best.safetensors` with the validation score.
        losses: terms and weights, by name.
        patches: training batches.
        validation: pictures to measure on after every epoch.
        options: the recipe's `train` section.
        schedule: the learning-rate schedule.
        protocol: how PSNR is measured.
        folder: the run folder.
        game: the discriminator and the rules, for adversarial training.
        devices: processes on this machine, each with a device of its own; they share every batch.
        nodes: machines.
        resume: go on from `last.ckpt`.
        bar: draw a progress bar on the terminal.
        report: called with one line after every epoch.

    Raises:
        ConfigError: the options do not go together, or there are fewer devices.
        ModelError: `resume` without a readable `last.ckpt`.
        NonFiniteError: a loss term became NaN or infinite; the batch's pictures were saved.
        FailedError: `last.ckpt` cannot be written.
        KeyboardInterrupt: the run was stopped; its report is written, and it can be resumed.
    """
    last, best = folder / "last.ckpt", folder / "best.safetensors"
    if resume and not last.is_file():
        raise ModelError(f"{last}: no such file; start the run without --resume")
    monitor = monitored(options.monitor, losses, adversarial=game is not None)
    check_together(options, patches, losses, game, devices * nodes)
    first = first_process()
    training = Training(network, losses, options, schedule, protocol, patches, validation, game)
    _keep_memory()
    folder.mkdir(parents=True, exist_ok=True)
    baseline = bicubic_psnr(validation, protocol) if first else None
    if baseline is not None:
        report(f"bicubic on the validation pictures: {baseline:.3f} dB ({protocol.describe()})")
    history, kept = History(folder, baseline, report), KeepBest(best, facts, protocol, monitor)
    callbacks: list[Callback] = [
        history,
        kept,
        Samples(folder / "samples", validation, protocol, options.samples, options.samples_every),
        KeepLast(last),
    ]
    if options.early_stopping is not None:
        mode, patience = "max" if monitor == "psnr" else "min", options.early_stopping.patience
        callbacks.append(EarlyStopping(monitor=f"val_{monitor}", mode=mode, patience=patience))
    if bar and first:
        callbacks.append(RunBar())
    loggers = [LOGGERS[name](folder) for name in options.loggers]
    several = devices * nodes > 1
    with _quiet():
        try:
            trainer = pl.Trainer(
                accelerator="auto",
                devices=devices,
                num_nodes=nodes,
                # Buffers are the features' of a loss, too large to send each step, or shared once an epoch.
                strategy=DDPStrategy(broadcast_buffers=False, find_unused_parameters=game is not None)
                if several
                else "auto",
                sync_batchnorm=several and torch.cuda.is_available(),
                precision=_PRECISION[options.precision],  # type: ignore[arg-type]
                max_epochs=options.epochs,
                callbacks=callbacks,
                logger=loggers or False,
                enable_progress_bar=bar and first,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                default_root_dir=folder,
            )
        except (MisconfigurationException, RuntimeError) as error:
            raise ConfigError(f"--devices {devices}: {first_line(error)}") from error
        interrupted = _run(trainer, training, folder, last if resume else None)
    if first and history.rows:
        ended = "interrupted" if interrupted else ("finished" if _complete(history, options) else "stopped early")
        write_report(
            folder,
            facts,
            history.rows,
            ended=ended,
            best=kept.epoch,
            baseline=baseline,
            environment=environment_of(trainer),
        )
    if interrupted:
        raise KeyboardInterrupt
    return best


def _run(trainer: pl.Trainer, training: Training, folder: Path, resumed: Path | None) -> bool:
    """Train; return whether Ctrl-C ended it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(training, ckpt_path=None if resumed is None else str(resumed), weights_only=True)
    except BadBatchError as error:
        raise keep(error, folder / "non-finite") from None
    except SystemExit:  # Lightning's answer to Ctrl-C
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)  # Lightning has turned it off
        return True
    return False


def check_together(
    options: TrainConfig, patches: Patches, losses: Collection[str], game: Game | None, world: int
) -> None:
    """Refuse options that are each right and together are not.

    Raises:
        ConfigError: names the keys, and what to change.
        MissingExtraError: a logger is not installed.
    """
    for name in options.loggers:
        check_installed(name)
    watched = monitored(options.monitor, losses, adversarial=game is not None)
    if options.early_stopping is not None and watched == "last":
        raise ConfigError(
            "train.early_stopping needs something to watch, and train.monitor = 'last' watches nothing; leave "
            "early_stopping out, or add a perceptual loss and monitor that"
        )
    if patches.batch % world:
        raise ConfigError(
            f"train.batch = {patches.batch}: cannot be shared evenly by {world} processes; "
            f"make it a multiple of {world}"
        )
    if game is None:
        return
    steps = options.epochs * math.ceil(len(patches) / options.accumulate)
    if game.options.start >= steps:
        raise ConfigError(
            f"adversarial.start = {game.options.start}: the run has {steps} steps, so its game would never begin; "
            "lower it or raise train.epochs"
        )
    if options.precision == "fp16":
        raise ConfigError(
            "train.precision = 'fp16': the two players' gradients would need a scale each; use bf16 or fp32"
        )


def _complete(history: History, options: TrainConfig) -> bool:
    return history.rows[-1]["epoch"] >= options.epochs


def bicubic_psnr(cache: Cache, protocol: Protocol) -> float:
    """Return the mean PSNR of bicubic enlargement on these pictures (at most 500, evenly spaced)."""
    values = []
    for index in evenly_spaced(len(cache), 500):
        hr = cache.hr(index)
        sr = imresize(cache.lr(index), size=(hr.shape[0], hr.shape[1]))
        values.append(measure(sr, hr, protocol, metrics=("psnr",))["psnr"])
    return float(np.mean(values))


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: a step frees and takes the same large blocks again.

    Returning them to the kernel and faulting them in again took a quarter of a training step's time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return
    mallopt(-4, 0)  # M_MMAP_MAX: no block is mapped on its own
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
    mallopt(-2, 256 * 2**20)  # M_TOP_PAD


# Lightning's advice and its own use of names that torch deprecates; a user can do nothing about either.
_CHATTER = (
    ".*does not have many workers.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*`IterableDataset` has `__len__` defined.*",
    ".*smaller than the logging interval.*",
    ".*LeafSpec.* is deprecated.*",
    ".*`broadcast_buffers` is deprecated.*",
    ".*recommended to use `self.log.*sync_dist=True.*",
)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's chatter and its banner; every other warning passes."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for message in _CHATTER:
            warnings.filterwarnings("ignore", message=message)
        yield


def set_seed(seed: int) -> None:
    """Seed what PyTorch draws from: the initial weights."""
    torch.manual_seed(seed)
