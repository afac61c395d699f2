"""What a run does at its pauses, and leaves behind: validation, metrics.csv, sample panels, the best and last weights.

Lightning calls the end of a leg `on_train_epoch_end`; what is due then stands in `Training.due`.
"""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint

from upres.data import Cache
from upres.errors import FailedError
from upres.metrics import Protocol
from upres.models import checkpoint
from upres.models.facts import Facts
from upres.storage.atomic import write_whole
from upres.train.agenda import CHECKPOINT, SAMPLES, VALIDATION, WEIGHTS
from upres.train.curves import RunRow, charts_of
from upres.train.module import Training
from upres.train.options import IntervalConfig, TrainConfig, interval
from upres.train.pace import Pace
from upres.train.plots import Original, charts_png, panel_png, sample_crops

# Drawing loss.png takes up to a second: it is done when these seconds have passed, then when a hundred times as many
# have been trained as the last drawing took, and by whoever ends the run.
_FIRST_DRAWN = 10.0
_TRAINED_PER_DRAWN = 100


class Pause(Callback):
    """Find out what is due, measure first, and end the run where it is over; comes before all other callbacks."""

    def __init__(self, started: Callable[[], None]) -> None:
        self._started = started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell, in the first process, that a run really begins: a resumed one has been restored by now."""
        assert isinstance(pl_module, Training)
        pl_module.halt.take_over()  # Lightning has put its own handler in front
        if trainer.is_global_zero:
            self._started()
        if pl_module.step >= pl_module.total_steps and not pl_module.pending:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure, unless the run is halted: what is due then waits for the run to be resumed."""
        assert isinstance(pl_module, Training)
        due = pl_module.leg_ends()
        if pl_module.halted() or (VALIDATION in due and not pl_module.measure()):
            pl_module.pending, pl_module.due = set(due), {CHECKPOINT}
            pl_module.rests = trainer.should_stop = True
            return
        pl_module.pending = set()
        pl_module.agenda.done(due)
        over = pl_module.step >= pl_module.total_steps
        if pl_module.halted() and not over:  # meanwhile
            pl_module.due = {*due, CHECKPOINT}
            pl_module.rests = True
        trainer.should_stop = over or pl_module.rests


class Patience(Callback):
    """Early stopping, in validations without a better value.

    Args:
        column: what is watched.
        patience: of the recipe: a resumed run may be given another than its checkpoint's.
        more_is_better: which way is better.
    """

    def __init__(self, column: str, patience: int, *, more_is_better: bool) -> None:
        self._column, self._patience, self._sign = column, patience, 1 if more_is_better else -1
        self._waited, self._best = 0, -math.inf
        self.stopped = False

    @property
    def state_key(self) -> str:
        """What Lightning's own early stopping is called in every last.ckpt of before."""
        mode = "max" if self._sign > 0 else "min"
        return f"EarlyStopping{ {'monitor': self._column, 'mode': mode}!r}"

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"wait_count": self._waited, "best_score": torch.tensor(self._sign * self._best, dtype=torch.float64)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on waiting."""
        self._waited, self._best = int(state_dict["wait_count"]), self._sign * float(state_dict["best_score"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count a validation."""
        assert isinstance(pl_module, Training)
        if VALIDATION not in pl_module.due:
            return
        value = self._sign * pl_module.measured[self._column]
        if value > self._best:
            self._best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited >= self._patience:
            self.stopped = trainer.should_stop = True


class History(Callback):
    """One row a validation, kept inside last.ckpt, so that a resumed run's files hold the whole run."""

    def __init__(
        self,
        folder: Path,
        baseline: float | None,
        log: Callable[[str], None],
        *,
        processes: Mapping[str, int],
        pace: Pace,
        validated: IntervalConfig,
    ) -> None:
        self._folder, self._baseline, self._log, self._pace = folder, baseline, log, pace
        self._processes, self._validated = dict(processes), validated
        self.rows: list[RunRow] = []
        self._seconds = self._started = 0.0
        self._draw_after = time.perf_counter() + _FIRST_DRAWN

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"rows": self.rows, "processes": self._processes, "seconds": self._seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the rows of the interrupted run."""
        self.rows, self._seconds = list(state_dict["rows"]), state_dict.get("seconds", 0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the run's clock."""
        assert isinstance(pl_module, Training)
        self._pace.start(pl_module.batches)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the leg's clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a validation's row, write metrics.csv anew, and loss.png when it is its turn."""
        assert isinstance(pl_module, Training)
        self._seconds += time.perf_counter() - self._started
        if VALIDATION not in pl_module.due:
            return
        means = pl_module.train_means()
        row: RunRow = {
            "epoch": pl_module.epoch,
            "step": pl_module.step,
            **pl_module.rates(),
            **{f"train_{name}": value for name, value in means.items()},
            **_train_loss(means, pl_module.loss_weights),
            **dict(sorted(pl_module.measured.items(), key=lambda item: (item[0][:4] != "val_", item[0]))),
            "seconds": round(self._seconds, 1),
        }
        pl_module.forget_means()
        self._seconds = 0.0
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            logger.log_metrics({k: v for k, v in row.items() if k not in ("epoch", "step")}, int(row["step"]))
        write_whole(self._folder / "metrics.csv", _csv(self.rows))
        if time.perf_counter() >= self._draw_after:
            began = time.perf_counter()
            self.draw()
            now = time.perf_counter()
            self._draw_after = now + _TRAINED_PER_DRAWN * (now - began)
        self._log(self._line(row, pl_module))

    def draw(self) -> None:
        """Write loss.png of all rows."""
        write_whole(self._folder / "loss.png", charts_png(charts_of(self.rows, self._baseline)[:2]))

    def _line(self, row: RunRow, training: Training) -> str:
        """Return what the terminal shows of a row: by the epoch where that is the interval, else by the step."""
        place = f"step {row['step']:,.0f}/{training.total_steps:,}"
        if self._validated.epochs is not None and training.total_steps % training.epoch_steps == 0:
            place = f"epoch {row['epoch']:.0f}/{training.total_steps // training.epoch_steps}"
        trained = f"loss {row['train_loss']:.5f}  " if "train_loss" in row else ""
        others = "".join(
            f"{name.removesuffix('_psnr')} {value:.3f} dB  "
            for name, value in row.items()
            if name.endswith("_psnr") and name != "val_psnr"
        )
        return (
            f"{place}  {trained}val loss {row['val_loss']:.5f}  PSNR {row['val_psnr']:.3f} dB  {others}"
            f"{_accuracy(row)}rate {row['rate']:.2e}  {row['seconds']:.0f} s  "
            f"{self._pace.left(training.batches, training.total_batches)}"
        )


class StepLog(Callback):
    """Tell the loggers the loss, its terms and the rates of single steps; of several processes, those of the first."""

    def __init__(self, every: IntervalConfig) -> None:
        self._every = every
        self._told = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell them, when it is this step's turn."""
        assert isinstance(pl_module, Training)
        if not trainer.is_global_zero or not self._due(pl_module):
            return
        values = {**{name: float(value) for name, value in pl_module.terms.items()}, **pl_module.rates()}
        for logger in trainer.loggers:
            logger.log_metrics({f"step_{name}": value for name, value in values.items()}, pl_module.step)

    def _due(self, training: Training) -> bool:
        if self._every.minutes is None:
            steps = self._every.steps or (self._every.epochs or 1) * training.epoch_steps
            # The last of the batches that make the step.
            return training.step % steps == 0 and training.steps_of(training.batches + 1) > training.step
        now = time.monotonic()
        if now - self._told < 60 * self._every.minutes:
            return False
        self._told = now
        return True


class KeepBest(Callback):
    """Write best.safetensors whenever the monitored value is the best so far of the weights that count.

    Args:
        path: of the best weights.
        facts, protocol: written into them.
        monitor, more_is_better: what decides.
        count: how many to keep: `weights/best_step_*` are those that come behind the best.
        every: whether weights are also kept at an interval, whatever they reached, as `weights/step_*`.
    """

    def __init__(
        self, path: Path, facts: Facts, protocol: Protocol, monitor: str, more_is_better: bool, *, count: int = 1
    ) -> None:
        self._path, self._facts, self._protocol, self._monitor = path, facts, protocol, monitor
        self._sign = 1 if more_is_better else -1
        self._count = count
        self._best: float | None = None
        self._kept: list[tuple[float, int]] = []
        self.epoch: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"best": self._best, "epoch": self.epoch, "kept": [list(one) for one in self._kept]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the interrupted run's best value."""
        self._best, self.epoch = state_dict["best"], state_dict.get("epoch")
        self._kept = [(value, step) for value, step in state_dict.get("kept", [])]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and write the weights with the score they reached."""
        assert isinstance(pl_module, Training)
        if WEIGHTS in pl_module.due and trainer.is_global_zero:
            self.save(self._folder / f"step_{pl_module.step:08d}.safetensors", pl_module)
        if VALIDATION not in pl_module.due or not pl_module.may_be_best:
            return
        value = math.inf if self._monitor == "last" else self._sign * pl_module.measured[f"val_{self._monitor}"]
        if self._count > 1:
            self._keep_some(value, pl_module, write=trainer.is_global_zero)
        if self._monitor != "last":
            if self._best is not None and value <= self._best:
                return
            self._best = value
        self.epoch = pl_module.epoch
        if trainer.is_global_zero:
            self.save(self._path, pl_module)

    def save(self, path: Path, training: Training) -> None:
        """Write the weights as they are, with what they reached where that has just been measured."""
        scores = {}
        if VALIDATION in training.due:
            measured = training.measured
            scores[f"validation psnr, {self._protocol.describe()}"] = round(measured["val_psnr"], 3)
            if self._monitor not in ("psnr", "last"):
                scores[f"validation {self._monitor}"] = float(f"{measured[f'val_{self._monitor}']:.6g}")
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(path, training.best_network, replace(self._facts, scores=scores))

    @property
    def _folder(self) -> Path:
        return self._path.parent / "weights"

    def _keep_some(self, value: float, training: Training, *, write: bool) -> None:
        """Keep the best few, of equal ones the later; what falls out is removed."""
        ranked = sorted([*self._kept, (value, training.step)], reverse=True)
        self._kept, fallen = ranked[: self._count], ranked[self._count :]
        if not write:
            return
        if any(step == training.step for _, step in self._kept):
            self.save(self._folder / f"best_step_{training.step:08d}.safetensors", training)
        for _, step in fallen:
            (self._folder / f"best_step_{step:08d}.safetensors").unlink(missing_ok=True)


class KeepLast(Checkpoint):
    """Write last.ckpt after every validation, at its own interval and when the run is halted; a resume is exact.

    It is of Lightning's checkpoint kind, so that it comes after all other callbacks and holds their state.
    (`ModelCheckpoint(save_top_k=0, save_last=True)` writes nothing before the run's end.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write beside the old one, then take its place: a full disk or a kill leaves the old one whole.

        Raises:
            FailedError: it cannot be written.
        """
        assert isinstance(pl_module, Training)
        if not pl_module.due & {VALIDATION, CHECKPOINT}:
            return
        temporary = self._path.with_name(f".{self._path.name}")
        try:
            trainer.save_checkpoint(temporary)  # every process takes part
            if trainer.is_global_zero:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                temporary.replace(self._path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            kept = "the one before it is whole" if self._path.exists() else "there was none before"
            epoch = pl_module.epoch
            place = f"epoch {epoch:.0f}" if epoch == int(epoch) else f"step {pl_module.step:,}"
            raise FailedError(
                f"{self._path}: {place} cannot be written ({error.strerror}); {kept}; make room and resume the run"
            ) from error


class Samples(Callback):
    """samples/*.png: a few validation pictures, one row each, in the columns that are asked for."""

    def __init__(
        self, folder: Path, cache: Cache, protocol: Protocol, options: TrainConfig, original: Original | None
    ) -> None:
        self._folder, self._protocol, self._every = folder, protocol, interval(options.samples_every)
        self._columns = options.samples_show
        self._crops = sample_crops(cache, options.samples, original if "original" in self._columns else None)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw a panel, when it is its turn."""
        assert isinstance(pl_module, Training)
        if not trainer.is_global_zero or SAMPLES not in pl_module.due:
            return
        title, name = f"step {pl_module.step:,}", f"step_{pl_module.step:08d}"
        if self._every.epochs is not None and pl_module.epoch == int(pl_module.epoch):
            title, name = f"epoch {pl_module.epoch:.0f}", f"epoch_{int(pl_module.epoch):04d}"
        with pl_module.evaluating():
            png = panel_png(
                self._crops, pl_module.best_network, pl_module.device, self._protocol, self._columns, title=title
            )
        write_whole(self._folder / f"{name}.png", png)


def _train_loss(means: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weighted sum of the terms' means; nothing where no step was taken since the last row."""
    return {"train_loss": sum(weight * means[name] for name, weight in weights.items())} if means else {}


def _accuracy(row: RunRow) -> str:
    """Return the discriminator's accuracy, once there is one."""
    if "train_real_accuracy" not in row:
        return ""
    return f"D right {row['train_real_accuracy']:.0%} real {row['train_fake_accuracy']:.0%} fake  "


def _csv(rows: list[RunRow]) -> str:
    text = io.StringIO()
    # A discriminator that takes part later brings columns that the first rows leave empty.
    names = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.8g}" for name, value in row.items()} for row in rows)
    return text.getvalue()
