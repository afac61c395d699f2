"""One training run, from a network and data to a run folder."""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping

from upres.archs import Network
from upres.data import Cache, Patches
from upres.errors import ModelError
from upres.facts import Facts
from upres.image import imresize
from upres.losses import Loss
from upres.metrics import Protocol, measure
from upres.train.bar import RunBar
from upres.train.callbacks import History, KeepBest, KeepLast, Samples
from upres.train.module import Training
from upres.train.options import TrainConfig
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
    resume: bool = False,
    bar: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train, and return the path of the best weights.

    The run folder gets `best.safetensors`, `last.ckpt`, `metrics.csv`, `loss.png`, `samples/` and TensorBoard
    events. Batches depend on the patches' seed and the step only, and everything else that changes is in
    `last.ckpt`: a run resumed from it ends with the same weights, bit for bit, as one never interrupted.

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
        resume: go on from `last.ckpt`.
        bar: draw a progress bar on the terminal.
        report: called with one line after every epoch.

    Raises:
        ModelError: `resume` without a readable `last.ckpt`.
        NonFiniteError: a loss term became NaN or infinite.
    """
    last = folder / "last.ckpt"
    if resume and not last.is_file():
        raise ModelError(f"{last}: no such file; start the run without --resume")
    _keep_memory()
    folder.mkdir(parents=True, exist_ok=True)
    baseline = bicubic_psnr(validation, protocol)
    report(f"bicubic on the validation pictures: {baseline:.3f} dB ({protocol.describe()})")
    best = folder / "best.safetensors"
    callbacks: list[Callback] = [
        History(folder, baseline, report),
        KeepBest(best, facts, protocol, options.monitor),
        Samples(folder / "samples", validation, protocol, options.samples, options.samples_every),
        KeepLast(last),
    ]
    if options.early_stopping is not None:
        callbacks.append(
            EarlyStopping(
                monitor=f"val_{options.monitor}",
                mode="max" if options.monitor == "psnr" else "min",
                patience=options.early_stopping.patience,
            )
        )
    if bar:
        callbacks.append(RunBar())
    with _quiet():
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            precision=_PRECISION[options.precision],  # type: ignore[arg-type]
            max_epochs=options.epochs,
            accumulate_grad_batches=options.accumulate,
            gradient_clip_val=options.clip,
            callbacks=callbacks,
            logger=_tensorboard(folder),
            enable_progress_bar=bar,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
        trainer.fit(
            Training(network, losses, options, schedule, protocol, patches, validation),
            ckpt_path=str(last) if resume else None,
            weights_only=True,
        )
    if trainer.interrupted:
        raise KeyboardInterrupt
    return best


def bicubic_psnr(cache: Cache, protocol: Protocol) -> float:
    """Return the mean PSNR of bicubic enlargement on these pictures (at most 500, evenly spread)."""
    values = []
    for index in np.unique(np.linspace(0, len(cache) - 1, min(500, len(cache))).astype(int)):
        hr = cache.hr(index)
        sr = imresize(cache.lr(index), size=(hr.shape[0], hr.shape[1]))
        values.append(measure(sr, hr, protocol, metrics=("psnr",))["psnr"])
    return float(np.mean(values))


def _tensorboard(folder: Path) -> pl.loggers.TensorBoardLogger:
    return pl.loggers.TensorBoardLogger(save_dir=folder, name="", version="events")


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
