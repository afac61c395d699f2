"""What a run leaves behind: metrics.csv and loss.png, sample panels, the best and the last weights."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping

from upres.data import Cache
from upres.errors import FailedError
from upres.metrics import Protocol
from upres.models import checkpoint
from upres.models.facts import Facts
from upres.storage.atomic import write_whole
from upres.train.curves import RunRow, charts_of
from upres.train.module import Training
from upres.train.pace import Pace
from upres.train.plots import charts_png, panel_png, sample_crops

# Drawing loss.png takes up to a second: it is done when these seconds have passed, then when a hundred times as many
# have been trained as the last drawing took, and by whoever ends the run.
_FIRST_DRAWN = 10.0
_TRAINED_PER_DRAWN = 100


class History(Callback):
    """One row an epoch, kept inside last.ckpt, so that a resumed run's files hold the whole run."""

    def __init__(
        self,
        folder: Path,
        baseline: float | None,
        log: Callable[[str], None],
        *,
        processes: Mapping[str, int],
        pace: Pace,
    ) -> None:
        self._folder, self._baseline, self._log, self._pace = folder, baseline, log, pace
        self._processes = dict(processes)
        self.rows: list[RunRow] = []
        self._started = 0.0
        self._draw_after = time.perf_counter() + _FIRST_DRAWN

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"rows": self.rows, "processes": self._processes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the rows of the interrupted run."""
        self.rows = list(state_dict["rows"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the run's clock."""
        self._pace.start(trainer.fit_loop.total_batch_idx + 1)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's row, write metrics.csv anew, and loss.png when it is its turn."""
        assert isinstance(pl_module, Training)
        values = trainer.callback_metrics
        means = pl_module.train_means()
        epoch = trainer.current_epoch + 1
        row: RunRow = {
            "epoch": epoch,
            "step": epoch * pl_module.epoch_steps,
            **pl_module.rates(),
            **{f"train_{name}": value for name, value in means.items()},
            "train_loss": sum(weight * means[name] for name, weight in pl_module.loss_weights.items()),
            **{name: float(values[name]) for name in sorted(values) if name.startswith("val_")},
            "seconds": round(time.perf_counter() - self._started, 1),
        }
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
        batches = int(trainer.num_training_batches)
        left = self._pace.left(trainer.fit_loop.total_batch_idx + 1, (trainer.max_epochs or epoch) * batches)
        self._log(
            f"epoch {epoch}/{trainer.max_epochs}  loss {row['train_loss']:.5f}  "
            f"val loss {row['val_loss']:.5f}  PSNR {row['val_psnr']:.3f} dB  {_accuracy(row)}rate {row['rate']:.2e}  "
            f"{row['seconds']:.0f} s  {left}"
        )

    def draw(self) -> None:
        """Write loss.png of all rows."""
        write_whole(self._folder / "loss.png", charts_png(charts_of(self.rows, self._baseline)[:2]))


class KeepBest(Callback):
    """Write best.safetensors whenever the monitored value is the best so far of the epochs that count."""

    def __init__(self, path: Path, facts: Facts, protocol: Protocol, monitor: str, more_is_better: bool) -> None:
        self._path, self._facts, self._protocol, self._monitor = path, facts, protocol, monitor
        self._sign = 1 if more_is_better else -1
        self._best: float | None = None
        self.epoch: int | None = None

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"best": self._best, "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the interrupted run's best value."""
        self._best, self.epoch = state_dict["best"], state_dict.get("epoch")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and write the weights with the score they reached."""
        assert isinstance(pl_module, Training)
        if not pl_module.may_be_best:
            return
        values = trainer.callback_metrics
        scores = {f"validation psnr, {self._protocol.describe()}": round(float(values["val_psnr"]), 3)}
        if self._monitor != "last":
            value = float(values[f"val_{self._monitor}"])
            if self._monitor != "psnr":
                scores[f"validation {self._monitor}"] = float(f"{value:.6g}")
            value *= self._sign
            if self._best is not None and value <= self._best:
                return
            self._best = value
        self.epoch = trainer.current_epoch + 1
        if trainer.is_global_zero:
            checkpoint.save(self._path, pl_module.best_network, replace(self._facts, scores=scores))


class KeepLast(Checkpoint):
    """Write last.ckpt after every epoch, from which the run goes on exactly.

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
            raise FailedError(
                f"{self._path}: epoch {trainer.current_epoch + 1} cannot be written ({error.strerror}); {kept}; make "
                "room and resume the run"
            ) from error


class Started(Callback):
    """Call what waits for a run that really begins: a resumed one has been restored by then."""

    def __init__(self, started: Callable[[], None]) -> None:
        self._started = started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Call it, in the first process."""
        if trainer.is_global_zero:
            self._started()


class Stopping(Callback):
    """Early stopping with the patience that is asked for: Lightning's own goes on with that of the checkpoint."""

    def __init__(self, stopping: EarlyStopping, patience: int) -> None:
        self._stopping, self._patience = stopping, patience

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set it once the checkpoint has been restored."""
        self._stopping.patience = self._patience


class Samples(Callback):
    """samples/epoch_*.png: low resolution, bicubic, ours and the original of a few validation pictures."""

    def __init__(self, folder: Path, cache: Cache, protocol: Protocol, count: int, every: int) -> None:
        self._folder, self._protocol, self._every = folder, protocol, every
        self._crops = sample_crops(cache, count)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the panel of this epoch, when it is its turn."""
        assert isinstance(pl_module, Training)
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero and (epoch % self._every == 0 or epoch == trainer.max_epochs):
            png = panel_png(
                self._crops, pl_module.best_network, pl_module.device, self._protocol, title=f"epoch {epoch}"
            )
            write_whole(self._folder / f"epoch_{epoch:04d}.png", png)


def _accuracy(row: RunRow) -> str:
    """Return the discriminator's accuracy, once there is one."""
    if "train_real_accuracy" not in row:
        return ""
    return f"D right {row['train_real_accuracy']:.0%} real {row['train_fake_accuracy']:.0%} fake  "


def _csv(rows: list[RunRow]) -> str:
    text = io.StringIO()
    # A discriminator that takes part later brings columns that the first rows leave empty.
    names = max(rows, key=len)
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.8g}" for name, value in row.items()} for row in rows)
    return text.getvalue()
