"""The live progress bar of a run: where it is, what it has reached, and when the whole run will be done."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from upres.train.module import Training
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
        assert isinstance(pl_module, Training)
        now, total = time.monotonic(), pl_module.total_steps
        if now - self._drawn < _EVERY_SECONDS and pl_module.step < total:
            return
        self._drawn = now
        place, epochs = divmod(pl_module.step, pl_module.epoch_steps)[::-1], total // pl_module.epoch_steps
        reached = [f"loss {float(pl_module.terms['loss']):.4f}"]
        if "val_psnr" in pl_module.measured:
            reached.append(f"PSNR {pl_module.measured['val_psnr']:.2f} dB")
        by_epoch = total % pl_module.epoch_steps == 0
        self._progress.update(
            self._task,
            visible=True,
            description=f"epoch {min(place[1] + 1, epochs)}/{epochs}" if by_epoch else "step",
            total=pl_module.epoch_steps if by_epoch else total,
            completed=place[0] if by_epoch else pl_module.step,
            reached="  ".join(reached),
            pace=f"{self._pace.rate(pl_module.batches):.1f} steps/s  "
            f"{self._pace.left(pl_module.batches, pl_module.total_batches)}",
        )

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the line away, also when the run failed."""
        self._progress.stop()
