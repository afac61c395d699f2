"""The live progress bar of a run: where it is, what it has reached, and when the whole run will be done."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from upres.train.pace import Pace

# Drawing after each step would cost a small network a tenth of its time.
_EVERY_SECONDS = 0.1


class RunBar(ProgressBar):
    """One line on standard error; lines printed meanwhile appear above it."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total}  {task.fields[reached]}  {task.fields[pace]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, visible=False, reached="", pace="")
        self._drawn = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the line."""
        self._progress.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw, if the last drawing is old enough."""
        now, steps = time.monotonic(), int(trainer.num_training_batches)
        if now - self._drawn < _EVERY_SECONDS and batch_idx + 1 < steps:
            return
        self._drawn = now
        done = trainer.fit_loop.total_batch_idx + 1
        epochs = trainer.max_epochs or 1
        values = trainer.callback_metrics
        reached = "  ".join(
            text.format(float(values[name]))
            for name, text in (("loss", "loss {:.4f}"), ("val_psnr", "PSNR {:.2f} dB"))
            if name in values
        )
        self._progress.update(
            self._task,
            visible=True,
            description=f"epoch {trainer.current_epoch + 1}/{epochs}",
            total=steps,
            completed=batch_idx + 1,
            reached=reached,
            pace=f"{self._pace.rate(done):.1f} steps/s  {self._pace.left(done, epochs * steps)}",
        )

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the line away, also when the run failed."""
        self._progress.stop()
