"""One training run, from a network and data to a run folder."""

from __future__ import annotations

import logging
import pickle
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
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import DDPStrategy

from upres.archs.outline import outline
from upres.config.amounts import time_in_words
from upres.data import Cache
from upres.data.evenly_spaced import evenly_spaced
from upres.errors import ConfigError, DataError, DeviceMemoryError, ModelError, first_line, out_of_memory
from upres.image import imresize
from upres.metrics import Metric, Protocol, measure_with, metric
from upres.train.bad_batch import BadBatchError, keep
from upres.train.bar import RunBar
from upres.train.callbacks import History, KeepBest, KeepLast, Patience, Pause, Samples, StepLog
from upres.train.components import Components
from upres.train.devices import device_type
from upres.train.exhausted import exhausted
from upres.train.halting import Halt
from upres.train.module import Training
from upres.train.options import interval
from upres.train.pace import Pace
from upres.train.processes import first_process
from upres.train.report import environment_of, write_report
from upres.train.table import LOGGERS, PRECISIONS
from upres.train.validation import batch_means
from upres.train.waiting import Waiting

# Seconds that a step or a pause may take in one of several processes before it is said who waits for whom.
_SAID_AFTER = 60.0


def fit(
    run: Components,
    folder: str | Path,
    *,
    resume: bool = False,
    bar: bool = False,
    log: Callable[[str], None] = lambda line: None,
    started: Callable[[], None] = lambda: None,
    rests: Callable[[Reached], None] = lambda reached: None,
    since: float | None = None,
) -> Path:
    """Train, and return the path of the best weights.

    The run folder gets `best.safetensors`, `last.ckpt`, `metrics.csv`, `loss.png`, `samples/`, `report.html` and
    TensorBoard events. Batches depend on the patches' seed and the step only, and everything else that changes is
    in `last.ckpt`: a run resumed from it ends with the same weights, bit for bit, as one never interrupted.

    Ctrl-C, and the end of `train.hours`, end the run at the next step, in a validation too: `last.ckpt`, its weights as
    `last.safetensors` and the report are written. A second Ctrl-C ends it at once.

    Args:
        run: what it is made of.
        folder: the run folder.
        resume: go on from `last.ckpt`.
        bar: draw a progress bar on the terminal.
        log: called with one line after every validation.
        started: called in the first process before the first step, when everything has been checked and built.
        rests: called in the first process with how far the run is, when it ends before its last step and can be
            resumed.
        since: when `train.hours` began, by `time.monotonic`; by default now.

    Raises:
        ConfigError: there are fewer devices.
        ModelError: `resume` without a readable `last.ckpt` of such a network.
        NonFiniteError: a loss term became NaN or infinite; the batch's pictures were saved.
        FailedError: `last.ckpt` cannot be written.
        DeviceMemoryError: the memory of the device does not hold a batch, or a validation picture.
        KeyboardInterrupt: the run was stopped; its report is written, and it can be resumed.
    """
    folder = Path(folder)
    last, best = folder / "last.ckpt", folder / "best.safetensors"
    options, protocol = run.options, run.protocol
    first = first_process()
    halt = Halt(options.hours, since)
    training = Training(run, halt)
    if resume:
        _check_fits(last, training)
    folder.mkdir(parents=True, exist_ok=True)
    baseline = None
    if first:  # here too it comes out whether the metrics can measure these pictures, before the first step
        baseline = _baseline(run, log)
    pace = Pace()
    history = History(
        folder,
        baseline,
        log,
        processes={"devices": run.devices, "nodes": run.nodes},
        pace=pace,
        validated=interval(options.validate_every),
    )
    kept = KeepBest(best, run.facts, protocol, run.monitor, run.more_is_better, count=options.keep_best)
    callbacks: list[Callback] = [Waiting(_SAID_AFTER), Pause(started), history, kept, KeepLast(last)]
    if options.samples:
        callbacks.append(Samples(folder / "samples", run.validation, protocol, options, run.original))
    patience = None
    if options.early_stopping is not None:
        watched = options.early_stopping.patience
        patience = Patience(f"val_{run.monitor}", watched, more_is_better=run.more_is_better)
        callbacks.append(patience)
    if options.loggers and options.log_every is not None:
        callbacks.append(StepLog(interval(options.log_every)))
    if bar and first:
        callbacks.append(RunBar(pace))
    loggers = [LOGGERS[name](folder) for name in options.loggers]
    several = run.devices * run.nodes > 1
    with _quiet():
        try:
            trainer = pl.Trainer(
                accelerator=device_type(run.device),
                devices=run.devices,
                num_nodes=run.nodes,
                # Buffers are the features' of a loss, too large to send each step, or shared once an epoch.
                # Else PyTorch sorts gradients anew after the first step of a start, and three numbers or more are added
                # in another order then: a resumed run would differ by rounding.
                strategy=DDPStrategy(
                    broadcast_buffers=False,
                    find_unused_parameters=run.adversarial is not None or run.devices * run.nodes > 2,
                )
                if several
                else "auto",
                sync_batchnorm=several and device_type(run.device) == "cuda",
                precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
                max_epochs=-1,  # legs end by the agenda, the run by its steps
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
        with halt:
            _run(trainer, training, run, folder, last if resume else None)
            if first:
                _leave(training, history, kept, folder / "last.safetensors")
                stopped = patience is not None and patience.stopped and training.step < training.total_steps
                if training.rests:
                    rests(Reached(int(training.epoch), training.step))
                elif history.rows:
                    log(_ending(training, history, kept, run, stopped=stopped))
                write_report(
                    folder,
                    run.facts,
                    history.rows,
                    layers=outline(run.network),
                    ended="interrupted" if training.rests else ("stopped early" if stopped else "finished"),
                    reached=(training.epoch, training.step),
                    best=kept.epoch,
                    baseline=baseline,
                    environment=environment_of(trainer),
                    metrics=run.training_metrics,
                )
    halt.pass_on()
    return best if best.is_file() else folder / "last.safetensors"


def _leave(training: Training, history: History, kept: KeepBest, weights: Path) -> None:
    """Write what a run leaves that ends, whole or not."""
    if history.rows:
        history.draw()
    if training.rests:
        kept.save(weights, training)
    else:
        weights.unlink(missing_ok=True)


@dataclass(frozen=True)
class Reached:
    """How far a run is that can be resumed.

    Attributes:
        epochs: whole ones that are behind it.
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
    found = _checkpoint(last)
    told = found.get("callbacks", {}).get("History", {})
    row = (told.get("rows") or [{"epoch": 0, "step": 0}])[-1]
    progress = found.get("progress", {"epoch": row["epoch"], "steps": row["step"]})
    return Reached(int(progress["epoch"]), int(progress["steps"]), told.get("processes", {}))


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


def _run(trainer: pl.Trainer, training: Training, run: Components, folder: Path, resumed: Path | None) -> None:
    """Train.

    Raises:
        NonFiniteError: a loss term is; the batch's pictures were saved.
        KeyboardInterrupt: a second Ctrl-C ended it at once.
        DeviceMemoryError: the memory of the device does not hold a batch, or a validation picture.
    """
    try:
        trainer.fit(training, ckpt_path=None if resumed is None else str(resumed), weights_only=True)
    except BadBatchError as error:
        raise keep(error, folder / "non-finite") from None
    except SystemExit as error:  # Lightning's answer to Ctrl-C
        if not trainer.interrupted:
            raise
        raise KeyboardInterrupt from error
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise DeviceMemoryError(exhausted(training, run)) from error


def _ending(training: Training, history: History, kept: KeepBest, run: Components, *, stopped: bool) -> str:
    """Say why the run ended, which weights are kept, and what they reached."""
    options = run.options
    by_epochs = interval(options.validate_every).epochs is not None and options.epochs is not None
    length = f"{training.epoch:.0f} epochs" if by_epochs else f"{training.step:,} steps"
    ended = f"finished: {length}"
    if stopped and options.early_stopping is not None:
        after = f"epoch {training.epoch:.0f} of {options.epochs}" if by_epochs else f"{length} of {run.total_steps:,}"
        waited = f"{options.early_stopping.patience} {'epochs' if by_epochs else 'validations'}"
        ended = f"stopped early after {after}: val_{run.monitor} was not better for {waited}"
    row = next((row for row in history.rows if row["epoch"] == kept.epoch), None)
    best = ""
    if row is not None:
        place = f"epoch {row['epoch']:.0f}" if by_epochs else f"step {row['step']:,.0f}"
        best = f"; best weights: of {place}, PSNR {row['val_psnr']:.3f} dB"
    if row is not None and run.monitor not in ("psnr", "last"):
        best += f", {run.monitor} {row[f'val_{run.monitor}']:.5g}"
    return f"{ended}, {time_in_words(sum(row['seconds'] for row in history.rows))}{best}"


def _baseline(run: Components, log: Callable[[str], None]) -> float:
    """Say what bicubic enlargement reaches on the validation pictures, and return its PSNR.

    Raises:
        ConfigError: a metric cannot measure what is trained on.
        DataError: a metric cannot measure a validation picture.
    """
    _check_crops(run)
    psnr, *others = bicubic_scores(run.validation, run.protocol, run.metrics)
    said = [f"{psnr:.3f} dB ({run.protocol.describe()})"]
    said += [f"{row.heading} {value:.{row.digits}f}" for row, value in zip(run.metrics.values(), others, strict=True)]
    log(f"bicubic on the validation pictures: {', '.join(said)}")
    return psnr


def _check_crops(run: Components) -> None:
    """Refuse metrics that cannot measure what is trained on.

    Raises:
        ConfigError: the crops are too small for one of them.
    """
    side, channels = run.patches.patch * run.network.scale, run.validation.hr(0).shape[2]
    shape = (1, channels, side, side)
    for name, row in run.training_metrics.items():
        try:
            batch_means({name: row}, torch.full(shape, 0.5), torch.zeros(1, side, side, channels).byte(), run.protocol)
        except DataError as error:
            raise ConfigError(f"train.metrics: {name}: {error}; crops are {side}×{side}, by data.patch") from error


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
