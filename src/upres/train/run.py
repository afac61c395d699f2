"""One training run, from a network and data to a run folder."""

from __future__ import annotations

import logging
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.strategies import DDPStrategy

from upres.config.amounts import time_in_words
from upres.data import Cache
from upres.data.evenly_spaced import evenly_spaced
from upres.errors import ConfigError, ModelError, first_line
from upres.image import imresize
from upres.metrics import Metric, Protocol, measure_with, metric
from upres.train.bad_batch import BadBatchError, keep
from upres.train.bar import RunBar
from upres.train.callbacks import History, KeepBest, KeepLast, Samples, Started, Stopping
from upres.train.components import Components
from upres.train.module import Training
from upres.train.options import TrainConfig
from upres.train.pace import Pace
from upres.train.processes import first_process
from upres.train.report import environment_of, write_report
from upres.train.table import LOGGERS, PRECISIONS


def fit(
    run: Components,
    folder: Path,
    *,
    resume: bool = False,
    bar: bool = False,
    log: Callable[[str], None] = lambda line: None,
    started: Callable[[], None] = lambda: None,
) -> Path:
    """Train, and return the path of the best weights.

    The run folder gets `best.safetensors`, `last.ckpt`, `metrics.csv`, `loss.png`, `samples/`, `report.html` and
    TensorBoard events. Batches depend on the patches' seed and the step only, and everything else that changes is
    in `last.ckpt`: a run resumed from it ends with the same weights, bit for bit, as one never interrupted.

    Args:
        run: what it is made of.
        folder: the run folder.
        resume: go on from `last.ckpt`.
        bar: draw a progress bar on the terminal.
        log: called with one line after every epoch.
        started: called in the first process before the first step, when everything has been checked and built.

    Raises:
        ConfigError: there are fewer devices.
        ModelError: `resume` without a readable `last.ckpt` of such a network.
        NonFiniteError: a loss term became NaN or infinite; the batch's pictures were saved.
        FailedError: `last.ckpt` cannot be written.
        KeyboardInterrupt: the run was stopped; its report is written, and it can be resumed.
    """
    last, best = folder / "last.ckpt", folder / "best.safetensors"
    options, protocol = run.options, run.protocol
    first = first_process()
    training = Training(run)
    if resume:
        _check_fits(last, training)
    folder.mkdir(parents=True, exist_ok=True)
    baseline = None
    if first:  # here too it comes out whether the metrics can measure these pictures, before the first step
        baseline, *others = bicubic_scores(run.validation, protocol, run.metrics)
        said = [f"{baseline:.3f} dB ({protocol.describe()})"]
        said += [
            f"{row.heading} {value:.{row.digits}f}" for row, value in zip(run.metrics.values(), others, strict=True)
        ]
        log(f"bicubic on the validation pictures: {', '.join(said)}")
    pace = Pace()
    history = History(folder, baseline, log, processes={"devices": run.devices, "nodes": run.nodes}, pace=pace)
    kept = KeepBest(best, run.facts, protocol, run.monitor, run.more_is_better)
    callbacks: list[Callback] = [history, kept, KeepLast(last), Started(started)]
    if options.samples:
        callbacks.append(Samples(folder / "samples", run.validation, protocol, options.samples, options.samples_every))
    if options.early_stopping is not None:
        mode, patience = "max" if run.more_is_better else "min", options.early_stopping.patience
        stopping = EarlyStopping(monitor=f"val_{run.monitor}", mode=mode, patience=patience)
        callbacks += [stopping, Stopping(stopping, patience)]
    if bar and first:
        callbacks.append(RunBar(pace))
    loggers = [LOGGERS[name](folder) for name in options.loggers]
    several = run.devices * run.nodes > 1
    with _quiet():
        try:
            trainer = pl.Trainer(
                accelerator="auto",
                devices=run.devices,
                num_nodes=run.nodes,
                # Buffers are the features' of a loss, too large to send each step, or shared once an epoch.
                strategy=DDPStrategy(broadcast_buffers=False, find_unused_parameters=run.adversarial is not None)
                if several
                else "auto",
                sync_batchnorm=several and torch.cuda.is_available(),
                precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
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
            raise ConfigError(f"devices = {run.devices}: {first_line(error)}") from error
        interrupted = _run(trainer, training, folder, last if resume else None)
    if first and history.rows:
        history.draw()
        if not interrupted:
            log(_ending(history, kept, run))
        ended = "interrupted" if interrupted else ("finished" if _complete(history, options) else "stopped early")
        write_report(
            folder,
            run.facts,
            history.rows,
            ended=ended,
            best=kept.epoch,
            baseline=baseline,
            environment=environment_of(trainer),
        )
    if interrupted:
        raise KeyboardInterrupt
    return best


@dataclass(frozen=True)
class Reached:
    """How far a run is that can be resumed.

    Attributes:
        epochs: that are behind it.
        steps: of the optimiser that are behind it.
        processes: `devices` and `nodes` of its last epoch; empty in a checkpoint of an older upres.
    """

    epochs: int
    steps: int
    processes: Mapping[str, int] = field(default_factory=dict)


def reached(last: Path) -> Reached:
    """Return how far the run of a `last.ckpt` is; nothing in the file is run.

    Raises:
        ModelError: it is missing, or not the checkpoint of a run; says what it is.
    """
    told = _checkpoint(last).get("callbacks", {}).get("History", {})
    row = (told.get("rows") or [{"epoch": 0, "step": 0}])[-1]
    return Reached(int(row["epoch"]), int(row["step"]), told.get("processes", {}))


def _checkpoint(last: Path) -> dict[str, Any]:
    if not last.is_file():
        unsaved = last.with_name("recipe.yaml").is_file()
        why = "its run ended before its first epoch was saved" if unsaved else "there is nothing to resume"
        raise ModelError(f"{last}: no such file; {why}; start a new run")
    try:
        found = torch.load(last, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            "refused: holds more than tensors and numbers, or is damaged, and opening such a file can run any code; "
            "start a new run, or copy the file again",
            where=last,
        ) from error
    except Exception as error:  # what PyTorch raises on a damaged file has no common base class
        raise ModelError(f"damaged ({first_line(error)}); start a new run, or copy it again", where=last) from error
    if not isinstance(found, dict) or not {"state_dict", "optimizer_states", "loops", "epoch"} <= found.keys():
        raise ModelError("not the checkpoint of a run; start a new run", where=last)
    return found


def _check_fits(last: Path, training: Training) -> None:
    """Refuse the checkpoint of another network: a folder may hold one without the recipe that it came from.

    Raises:
        ModelError: names a tensor that differs.
    """
    theirs, own = _checkpoint(last)["state_dict"], training.state_dict()
    for name in {**own, **theirs}:
        shapes = [tuple(state[name].shape) if name in state else None for state in (own, theirs)]
        if shapes[0] != shapes[1]:
            said = ["none" if shape is None else "×".join(map(str, shape)) or "a number" for shape in shapes]
            raise ModelError(
                f"of another recipe: {name} is {said[1]} in it, and {said[0]} is asked for; resume it by the recipe "
                "it was made by, or start a new run",
                where=last,
            )


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


def _ending(history: History, kept: KeepBest, run: Components) -> str:
    """Say why the run ended, which weights are kept, and what they reached."""
    last, options = history.rows[-1], run.options
    ended = f"finished: {last['epoch']:.0f} epochs"
    if options.early_stopping is not None and not _complete(history, options):
        ended = (
            f"stopped early after epoch {last['epoch']:.0f} of {options.epochs}: val_{run.monitor} was not better for "
            f"{options.early_stopping.patience} epochs"
        )
    row = next((row for row in history.rows if row["epoch"] == kept.epoch), None)
    best = "" if row is None else f"; best weights: of epoch {kept.epoch}, PSNR {row['val_psnr']:.3f} dB"
    if row is not None and run.monitor not in ("psnr", "last"):
        best += f", {run.monitor} {row[f'val_{run.monitor}']:.5g}"
    return f"{ended}, {time_in_words(sum(row['seconds'] for row in history.rows))}{best}"


def _complete(history: History, options: TrainConfig) -> bool:
    return history.rows[-1]["epoch"] >= options.epochs


def bicubic_scores(cache: Cache, protocol: Protocol, metrics: Mapping[str, Metric]) -> list[float]:
    """Return the mean PSNR and metrics of bicubic enlargement on these pictures (at most 500, evenly spaced).

    Raises:
        DataError: a metric cannot measure one of them.
    """
    wanted = {"psnr": metric("psnr"), **metrics}
    values = []
    for index in evenly_spaced(len(cache), 500):
        hr = cache.hr(index)
        sr = imresize(cache.lr(index), size=(hr.shape[0], hr.shape[1]))
        values.append(list(measure_with(wanted, sr, hr, protocol).values()))
    return [float(value) for value in np.mean(values, axis=0)]


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
