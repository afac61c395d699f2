"""The network under training, as Lightning sees it: one step of generator and discriminator, one validation."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from upres.archs import Network
from upres.losses import Loss
from upres.train.adversarial import AdversarialTraining
from upres.train.averaging import decay_after, move_towards
from upres.train.bad_batch import BadBatchError, Pictures
from upres.train.components import Components
from upres.train.freezing import freeze
from upres.train.loaders import Pair, picture_batches, picture_loader, train_loader
from upres.train.processes import any_of, gather, mean_of, share_buffers
from upres.train.step import Terms, accumulation, loss_terms, non_finite, weighted_sum
from upres.train.table import OPTIMIZERS
from upres.train.validation import Score, mean_score, score, unit_batch

_CALMER = "lower train.optimizer.rate, set train.clip, or train in fp32"
_CALMER_DISCRIMINATOR = "lower adversarial.optimizer.rate, set train.clip, or train in fp32"


class Training(pl.LightningModule):
    """Lightning's view of a run. Batches come as uint8 `n h w c` and are made floats on the device.

    It steps its optimisers itself: the generator's, then the discriminator's once that takes part. Nothing that
    a resume needs is kept here but weights: steps are counted by the epoch and the batch, and what draws random
    numbers inside a network (dropout) is seeded anew by each epoch.

    Args:
        run: the network, a generator where there is a discriminator, and all that it is trained with.
    """

    def __init__(self, run: Components) -> None:
        super().__init__()
        options = run.options
        self.automatic_optimization = False
        freeze(run.network, options.freeze)
        self.network = run.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged: Network | None = copy.deepcopy(run.network).requires_grad_(False) if options.ema else None
        self.losses = torch.nn.ModuleDict({name: loss for name, (_, loss) in run.losses.items()})
        self.loss_weights = {name: weight for name, (weight, _) in run.losses.items()}
        self.game = run.adversarial  # the name that its weights have in every last.ckpt
        self.epoch_steps = run.epoch_steps
        self._options, self._schedule, self._protocol = options, run.schedule, run.protocol
        self._patches, self._pictures, self._metrics = run.patches, run.validation, run.metrics
        self._validation_batches = picture_batches(run.validation)
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._scores: dict[int, Score] = {}
        self._bad: BadBatchError | None = None

    @property
    def best_network(self) -> Network:
        """The weights that are validated, sampled and shipped: averaged ones where there are."""
        return self.network if self.averaged is None else self.averaged

    @property
    def adversarial(self) -> AdversarialTraining | None:
        """The discriminator and its loss, in adversarial training."""
        return self.game

    @property
    def may_be_best(self) -> bool:
        """Whether this epoch's weights count: in adversarial training, once the discriminator has taken part."""
        start = 0 if self.adversarial is None else self.adversarial.options.start
        return start < (self.current_epoch + 1) * self.epoch_steps

    def train_dataloader(self) -> DataLoader[Pair]:
        """Load the batches of the epochs to come."""
        rank, world = self.trainer.global_rank, self.trainer.world_size
        return train_loader(self._patches, epoch=lambda: self.current_epoch, rank=rank, world=world)

    def val_dataloader(self) -> DataLoader[Pair]:
        """Load this process's share of the validation pictures."""
        rank, world = self.trainer.global_rank, self.trainer.world_size
        return picture_loader(self._pictures, self._validation_batches, rank=rank, world=world)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        """Take the generator's step, then the discriminator's; stop when a term of either is not finite."""
        if batch_idx == 0:
            self._seed()
        size, last = accumulation(batch_idx, len(self._patches), self._options.accumulate)
        step = self.current_epoch * self.epoch_steps + batch_idx // self._options.accumulate
        adversarial = self.adversarial
        if adversarial is not None and step < adversarial.options.start:
            adversarial = None
        lr, hr = unit_batch(batch)

        optimizer = self._optimizers[0]
        with optimizer.toggle_model(sync_grad=last):
            sr = self.network(lr).float()
            terms = loss_terms(self._losses, sr, hr)
            weights = self.loss_weights
            if adversarial is not None:
                terms["adversarial"] = adversarial.generator_loss(sr, hr)
                weights = {**weights, "adversarial": adversarial.options.weight}
            self._check(terms, step, batch, sr, _CALMER)
            total = weighted_sum(terms, weights)
            self.manual_backward(total / size)
        self._add(terms)
        self.log("loss", total, prog_bar=True, logger=False)
        if last:
            self._take(0)
            if self.averaged is not None:
                move_towards(self.averaged, self.network, decay_after(step + 1, self._options.ema))
        if adversarial is None:
            return

        with self._optimizers[1].toggle_model(sync_grad=last):
            found = adversarial.discriminator_loss(sr, hr)
            terms = {"discriminator": found.loss}
            self._check(terms, step, batch, sr, _CALMER_DISCRIMINATOR)
            self.manual_backward(found.loss / size)
        self._add({**terms, "real_accuracy": found.real_accuracy, "fake_accuracy": found.fake_accuracy})
        if last:
            self._take(1)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip, after Lightning has taken fp16's scale off the gradients."""
        if self._options.clip is not None:
            torch.nn.utils.clip_grad_norm_(
                [parameter for group in optimizer.param_groups for parameter in group["params"]], self._options.clip
            )

    def on_train_epoch_end(self) -> None:
        """Nothing is left of an epoch's sums once its row is written (callbacks come first)."""
        self._sums, self._counts = {}, {}

    def on_validation_start(self) -> None:
        """Measure, and later write, the same network in every process."""
        for network in (self.network, self.averaged, self.adversarial):
            if network is not None:
                share_buffers(network)

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        """Measure loss, PSNR and metrics of each picture, as 8-bit pictures under the recipe's protocol."""
        found, sr = score(self.best_network, self._losses, batch, self._protocol, self._metrics)
        bad = {name: value for name, value in found.terms.items() if not math.isfinite(value)}
        if bad and self._bad is None:
            step = (self.current_epoch + 1) * self.epoch_steps
            self._bad = self._bad_batch(bad, step, batch, sr, _CALMER)
        # A batch that two processes measured, because there are fewer than processes, counts once.
        first = self.global_rank % self._validation_batches
        self._scores[first + batch_idx * self.trainer.world_size] = found

    def on_validation_epoch_end(self) -> None:
        """Log the means over all processes' pictures, and tell them to a schedule that waits for them.

        Raises:
            NonFiniteError: the epoch's last step spoiled the weights; nothing is written of them.
        """
        if any_of(self._bad is not None, self.device):
            nowhere = BadBatchError({}, step=0, epoch=self.current_epoch, advice=_CALMER, pictures=None)
            raise self._bad or nowhere
        everyone: dict[int, Score] = {}
        for scores in gather(self._scores):
            everyone.update(scores)
        means = mean_score([everyone[number] for number in sorted(everyone)], self.loss_weights)
        for name, value in means.items():
            self.log(f"val_{name}", value, prog_bar=name == "psnr", logger=False)
        self._scores = {}
        scheduler = self._schedulers[0]
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(means["loss"])

    def train_means(self) -> dict[str, float]:
        """Return the epoch's mean of each term and accuracy, over its batches and all processes."""
        names = list(self._sums)
        return dict(zip(names, mean_of([float(self._sums[n]) / self._counts[n] for n in names]), strict=True))

    def rates(self) -> dict[str, float]:
        """Return the learning rates: the network's, and the discriminator's where there is one."""
        names = ("rate", "discriminator_rate")
        return {
            name: float(optimizer.param_groups[0]["lr"])
            for name, optimizer in zip(names, self.trainer.optimizers, strict=False)
        }

    def configure_optimizers(self) -> Any:
        """An optimiser and a schedule for each network; the discriminator's counts the steps that it takes."""
        steps = self._options.epochs * self.epoch_steps
        trained = [(self.network, self._options.optimizer, self._schedule, steps)]
        if self.adversarial is not None:
            options, schedule = self.adversarial.options, self.adversarial.schedule
            trained.append((self.adversarial.discriminator, options.optimizer, schedule, max(1, steps - options.start)))
        # Lightning leaves fp16's scale to a fused optimiser, and a scaled gradient cannot be clipped.
        fused = self._options.clip is None
        optimizers = [
            OPTIMIZERS[settings.name]([one for one in network.parameters() if one.requires_grad], settings, fused=fused)
            for network, settings, _, _ in trained
        ]
        schedulers = [
            schedule.scheduler(optimizer, length)
            for optimizer, (_, _, schedule, length) in zip(optimizers, trained, strict=True)
        ]
        return optimizers, schedulers

    @property
    def _losses(self) -> dict[str, Loss]:
        return dict(self.losses.items())  # type: ignore[arg-type]

    @property
    def _optimizers(self) -> list[LightningOptimizer]:
        found = self.optimizers()
        return found if isinstance(found, list) else [found]

    @property
    def _schedulers(self) -> list[Any]:
        return [item.scheduler for item in self.trainer.lr_scheduler_configs]

    def _seed(self) -> None:
        """Seed what a network may draw in this epoch, after the loaders have drawn what they like."""
        state = np.random.SeedSequence((self._patches.seed, self.current_epoch, self.global_rank)).generate_state(1)
        torch.manual_seed(int(state[0]))

    def _take(self, number: int) -> None:
        """Step an optimiser and its schedule: 0 is the generator's, 1 the discriminator's."""
        optimizer, scheduler = self._optimizers[number], self._schedulers[number]
        # A manual step happens within the batch's autocast, where matrix products of an optimiser would be bfloat16.
        with torch.autocast(self.device.type, enabled=False):
            optimizer.step()
        optimizer.zero_grad()
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def _add(self, terms: Terms) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=self.device)) + value.detach()
            self._counts[name] = self._counts.get(name, 0) + 1

    def _check(self, terms: Terms, step: int, batch: Pair, sr: Tensor, advice: str) -> None:
        """Stop all processes when a term is not finite in one of them: the others would wait for it for ever."""
        bad = non_finite(terms)
        if any_of(bool(bad), self.device):
            raise self._bad_batch(bad, step, batch, sr, advice)

    def _bad_batch(self, bad: dict[str, float], step: int, batch: Pair, sr: Tensor, advice: str) -> BadBatchError:
        lr, hr = (pixels.cpu().numpy() for pixels in batch)
        pictures = Pictures(lr, sr.detach().permute(0, 2, 3, 1).cpu().numpy(), hr) if bad else None
        return BadBatchError(bad, step=step, epoch=self.current_epoch, advice=advice, pictures=pictures)
