"""What a run leaves behind: metrics.csv and loss.png, sample panels, the best weights."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, Checkpoint

from upres import checkpoint
from upres.atomic import write_whole
from upres.data import Cache
from upres.facts import Facts
from upres.metrics import Protocol
from upres.train.figures import curves_png, panel_png, sample_crops
from upres.train.module import Training

Row = dict[str, float]


class History(Callback):
    """One row an epoch, kept inside last.ckpt, so that a resumed run's files hold the whole run."""

    def __init__(self, folder: Path, baseline: float | None, report: Callable[[str], None]) -> None:
        self._folder, self._baseline, self._report = folder, baseline, report
        self._rows: list[Row] = []
        self._started = 0.0

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the rows of the interrupted run."""
        self._rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's row and write both files anew."""
        assert isinstance(pl_module, Training)
        values = trainer.callback_metrics
        terms = pl_module.loss_means(int(trainer.num_training_batches))
        row: Row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            **{f"train_{name}": value for name, value in terms.items()},
            "train_loss": sum(pl_module.loss_weights[name] * value for name, value in terms.items()),
            "val_loss": float(values["val_loss"]),
            "val_psnr": float(values["val_psnr"]),
            "seconds": round(time.perf_counter() - self._started, 1),
        }
        self._rows.append(row)
        if not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            logger.log_metrics({k: v for k, v in row.items() if k not in ("epoch", "step")}, int(row["step"]))
        write_whole(self._folder / "metrics.csv", _csv(self._rows))
        write_whole(self._folder / "loss.png", curves_png(self._rows, self._baseline))
        left = (trainer.max_epochs or 0) - int(row["epoch"])
        recent = [r["seconds"] for r in self._rows[-5:]]
        minutes = left * sum(recent) / len(recent) / 60
        self._report(
            f"epoch {row['epoch']:.0f}/{trainer.max_epochs}  loss {row['train_loss']:.5f}  "
            f"val loss {row['val_loss']:.5f}  PSNR {row['val_psnr']:.3f} dB  rate {row['rate']:.2e}  "
            f"{row['seconds']:.0f} s  {minutes:.0f} min left at most"
        )


class KeepBest(Callback):
    """Write best.safetensors whenever the monitored value is the best so far."""

    def __init__(self, path: Path, facts: Facts, protocol: Protocol, monitor: str) -> None:
        self._path, self._facts, self._protocol, self._monitor = path, facts, protocol, monitor
        self._best: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """What last.ckpt keeps."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the interrupted run's best value."""
        self._best = state_dict["best"]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and write the weights with the score they reached."""
        assert isinstance(pl_module, Training)
        psnr = float(trainer.callback_metrics["val_psnr"])
        value = psnr if self._monitor == "psnr" else -float(trainer.callback_metrics["val_loss"])
        if self._best is not None and value <= self._best:
            return
        self._best = value
        if trainer.is_global_zero:
            scores = {f"validation psnr, {self._protocol.describe()}": round(psnr, 3)}
            checkpoint.save(self._path, pl_module.best_network, replace(self._facts, scores=scores))


class KeepLast(Checkpoint):
    """Write last.ckpt after every epoch, from which the run goes on exactly.

    It is of Lightning's checkpoint kind, so that it comes after all other callbacks and holds their state.
    (`ModelCheckpoint(save_top_k=0, save_last=True)` writes nothing before the run's end.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write beside the old one, then take its place: a full disk or a kill leaves the old one whole."""
        temporary = self._path.with_name(f".{self._path.name}")
        trainer.save_checkpoint(temporary)  # every process takes part
        if trainer.is_global_zero:
            temporary.replace(self._path)


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
            png = panel_png(self._crops, pl_module, self._protocol, title=f"epoch {epoch}")
            write_whole(self._folder / f"epoch_{epoch:04d}.png", png)


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.8g}" for name, value in row.items()} for row in rows)
    return text.getvalue()
