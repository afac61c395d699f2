"""Which process waits for what: said when several train together, and one of them does not come on."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import distributed as dist

from upres.config.amounts import time_in_words
from upres.train.module import Training

_LOG = logging.getLogger("upres.train")
# A process that has not been heard of for so many of its beats is said to be lost.
_MISSED = 4


class Waiting(Callback):
    """Say where this process waits, and where the others are, whenever nothing has gone on for a while.

    Every process tells the others, by the store in which they met, what it does; a thread does so, as the process
    itself waits inside of PyTorch.

    Args:
        after: seconds of waiting after which it is said, and again after twice as many.
    """

    def __init__(self, after: float) -> None:
        self._after = after
        self._doing, self._since, self._said = "the start", time.monotonic(), after
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to tell."""
        if not dist.is_initialized() or dist.get_world_size() == 1:
            return
        self._ended.clear()
        self._thread = threading.Thread(target=self._tell, daemon=True, name="upres-waiting")
        self._thread.start()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        """A step begins."""
        assert isinstance(pl_module, Training)
        self._now(f"step {pl_module.step + 1:,}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A pause begins: validation, checkpoints; comes before all that is done in it."""
        assert isinstance(pl_module, Training)
        self._now(f"the pause after step {pl_module.step:,}")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Tell no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _now(self, doing: str) -> None:
        self._doing, self._since, self._said = doing, time.monotonic(), self._after

    def _tell(self) -> None:
        own, count = dist.get_rank(), dist.get_world_size()
        # PyTorch has no public name for the store that the processes share.
        store = dist.distributed_c10d._get_default_store()
        heard: dict[int, tuple[str, float]] = {}
        pause, beat = self._after / 4, 0
        with contextlib.suppress(RuntimeError):  # the process with the store is gone, and torchrun sees to it
            while not self._ended.wait(pause):
                beat += 1
                store.set(_key(own), f"{beat} {self._doing}")
                for rank in range(count):
                    text = store.get(_key(rank)).decode() if rank != own and store.check([_key(rank)]) else ""
                    if text and heard.get(rank, ("", 0.0))[0] != text:
                        heard[rank] = text, time.monotonic()
                waited = time.monotonic() - self._since
                if waited >= self._said:
                    self._said *= 2
                    places = {rank: self._place(heard.get(rank), pause) for rank in range(count) if rank != own}
                    _LOG.warning(_words(own, self._doing, waited, places))

    def _place(self, heard: tuple[str, float] | None, pause: float) -> str:
        """Return what another process does, as far as is known; nothing of one that waits where this one does."""
        if heard is None:
            return "has not begun"
        doing, ago = heard[0].partition(" ")[2], time.monotonic() - heard[1]
        if ago > _MISSED * pause:
            return f"was at {doing}, and has not been heard of for {time_in_words(ago)}"
        return "" if doing == self._doing else f"is at {doing}"


def _key(rank: int) -> str:
    return f"upres-waiting/{rank}"


def _words(own: int, doing: str, waited: float, places: dict[int, str]) -> str:
    """Say it.

    >>> _words(0, "step 42", 60, {1: "is at step 41", 2: ""})
    'process 0 has been at step 42 for 1 min: process 1 is at step 41'
    >>> _words(0, "step 42", 60, {1: ""})
    'process 0 has been at step 42 for 1 min, as have the others'
    """
    told = [f"process {rank} {place}" for rank, place in places.items() if place]
    begin = f"process {own} has been at {doing} for {time_in_words(waited)}"
    return f"{begin}: {'; '.join(told)}" if told else f"{begin}, as have the others"
