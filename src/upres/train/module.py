"""The network under training: one step, one validation, and the averaged weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from upres.archs import Network
from upres.data import Cache, Patches
from upres.errors import NonFiniteError
from upres.image import from_unit
from upres.losses import Loss
from upres.metrics import Protocol, measure
from upres.train.loaders import Pair, picture_loader, train_loader
from upres.train.options import TrainConfig
from upres.train.schedules import Schedule


class Training(pl.LightningModule):
    """Lightning's view of a run. Batches come as uint8 `n h w c` and are made floats on the device.

    Args:
        network: the network to train.
        losses: the loss terms and their weights, by name.
        options: the recipe's `train` section.
        schedule: the learning-rate schedule.
        protocol: how validation PSNR is measured.
        patches: training batches.
        validation: validation pictures.
    """

    def __init__(
        self,
        network: Network,
        losses: Mapping[str, tuple[float, Loss]],
        options: TrainConfig,
        schedule: Schedule,
        protocol: Protocol,
        patches: Patches,
        validation: Cache,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged: Network | None = copy.deepcopy(network).requires_grad_(False) if options.ema else None
        self.losses = torch.nn.ModuleDict({name: loss for name, (_, loss) in losses.items()})
        self.loss_weights = {name: weight for name, (weight, _) in losses.items()}
        self._options, self._schedule, self._protocol = options, schedule, protocol
        self._patches, self._pictures = patches, validation
        self._sums: dict[str, Tensor] = {}
        self._validation: dict[str, list[float]] = {"loss": [], "psnr": []}

    @property
    def best_network(self) -> Network:
        """The weights that are validated, sampled and shipped: averaged ones where there are."""
        return self.network if self.averaged is None else self.averaged

    @property
    def _epoch_steps(self) -> int:
        """Optimiser steps an epoch."""
        return math.ceil(len(self._patches) / self._options.accumulate)

    def train_dataloader(self) -> DataLoader[Pair]:
        """Load the batches that follow the optimiser steps already taken."""
        return train_loader(
            self._patches,
            epoch=lambda: self.global_step // self._epoch_steps,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )

    def val_dataloader(self) -> DataLoader[Pair]:
        """Load the validation pictures."""
        return picture_loader(self._pictures)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the weighted sum of the loss terms; stop with the term's name when one is not finite."""
        lr, hr = unit_batch(batch)
        sr = self.network(lr).float()
        total = torch.zeros((), device=self.device)
        for name, loss in self.losses.items():
            value = loss(sr, hr)
            if not torch.isfinite(value):
                raise NonFiniteError(
                    f"loss {name} is {value.item()} at step {self.global_step} (epoch {self.current_epoch}); "
                    "lower train.optimizer.rate, set train.clip, or train in fp32"
                )
            self._sums[name] = self._sums.get(name, torch.zeros((), device=self.device)) + value.detach()
            total = total + self.loss_weights[name] * value
        self.log("loss", total, prog_bar=True, logger=False)
        return total

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the averaged weights a little towards the trained ones, once an optimiser step."""
        if self.averaged is None or (batch_idx + 1) % self._options.accumulate:
            return
        # Early averages would remember the random start: the decay rises with the step count.
        decay = min(self._options.ema, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1 - decay)
            for kept, new in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                kept.copy_(new)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Measure loss and PSNR of each picture, as 8-bit pictures under the recipe's protocol."""
        lr, hr = unit_batch(batch)
        sr = self.best_network(lr).float()
        total = sum(self.loss_weights[name] * loss(sr, hr) for name, loss in self.losses.items())
        self._validation["loss"] += [float(total)] * len(lr)
        originals = batch[1].cpu().numpy()
        for ours, original in zip(as_bytes(sr), originals, strict=True):
            self._validation["psnr"].append(measure(ours, original, self._protocol, metrics=("psnr",))["psnr"])

    def on_validation_epoch_end(self) -> None:
        """Log the means: per picture, then over pictures, as papers do."""
        for name, values in self._validation.items():
            self.log(f"val_{name}", float(np.mean(values)), prog_bar=name == "psnr", logger=False)
        self._validation = {"loss": [], "psnr": []}

    def loss_means(self, steps: int) -> dict[str, float]:
        """Return each loss term's mean since the last call, over that many steps."""
        means = {name: float(value) / steps for name, value in self._sums.items()}
        self._sums = {}
        return means

    def configure_optimizers(self) -> Any:
        """Adam and the schedule."""
        settings = self._options.optimizer
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.rate,
            betas=settings.betas,
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=self._options.clip is None,  # Lightning does not clip gradients for a fused optimiser
        )
        scheduler = self._schedule.scheduler(optimizer, self._options.epochs * self._epoch_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": scheduler,
                "interval": self._schedule.interval,
                "monitor": "val_loss",
            },
        }


def unit_batch(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Turn uint8 `n h w c` into float32 `n c h w` in [0, 1], laid out channels-last."""
    lr, hr = (pixels.permute(0, 3, 1, 2).float() / 255 for pixels in batch)
    return lr, hr


def as_bytes(sr: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Round a batch `n c h w` to the 8-bit pictures `n h w c` that would be written."""
    return from_unit(sr.permute(0, 2, 3, 1).cpu().numpy(), np.uint8)
