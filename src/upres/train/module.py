"""The network under training, as Lightning sees it: one step of generator and discriminator, one validation.

What Lightning calls an epoch is a leg here: the batches up to the next pause, at which something is due. So a run can
pause after any step, and goes on from a checkpoint of any step as from one of an epoch's end.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from upres.archs import Network
from upres.archs.layers.blocks import Blocks
from upres.data import Cache
from upres.losses import Loss
from upres.metrics import Protocol
from upres.train.adversarial import AdversarialTraining
from upres.train.agenda import Agenda
from upres.train.averaging import decay_after, move_towards
from upres.train.bad_batch import BadBatchError, Pictures
from upres.train.compiling import compiled
from upres.train.components import Components
from upres.train.freezing import freeze
from upres.train.halting import Halt
from upres.train.loaders import Pair, picture_batches, train_loader
from upres.train.processes import any_of, gather, mean_of, share_buffers
from upres.train.resident import ResidentPatches
from upres.train.sharpening import sharpened
from upres.train.step import Terms, accumulation, loss_terms, non_finite, weighted_sum
from upres.train.table import OPTIMIZERS
from upres.train.validation import Score, batch_means, mean_score, score, unit_batch

_CALMER = "lower train.optimizer.rate, set train.clip, or train in fp32"
_CALMER_DISCRIMINATOR = "lower adversarial.optimizer.rate, set train.clip, or train in fp32"


class Training(pl.LightningModule):
    """Lightning's view of a run. Batches come as uint8 `n h w c` and are made floats on the device.

    It steps its optimisers itself: the generator's, then the discriminator's once that takes part. Steps are counted
    by the batches that lie behind. What draws random numbers inside a network (dropout) is seeded anew by each epoch,
    and its state is kept in the middle of one.

    Args:
        run: the network, a generator where there is a discriminator, and all that it is trained with.
        halt: asks for the run's end at the next step.

    Attributes:
        batches: how many lie behind.
        pending: what was due at this step and has not been done, because the run was halted.
        due: what this pause is for.
        measured: what the last validation measured, by column.
        terms: the last batch's loss and its terms.
        rests: whether the run was halted, and can be resumed.
    """

    def __init__(self, run: Components, halt: Halt | None = None) -> None:
        super().__init__()
        options = run.options
        self.automatic_optimization = False
        freeze(run.network, options.freeze)
        self.network = run.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for part in self.network.modules() if options.gradient_checkpointing else ():
            if isinstance(part, Blocks):
                part.recomputed = True
        self.averaged: Network | None = copy.deepcopy(run.network).requires_grad_(False) if options.ema else None
        self.losses = torch.nn.ModuleDict({name: loss for name, (_, loss) in run.losses.items()})
        self.loss_weights = {name: weight for name, (weight, _) in run.losses.items()}
        self.game = run.adversarial  # the name that its weights have in every last.ckpt
        self.epoch_steps = run.epoch_steps
        self._options, self._schedule, self._protocol = options, run.schedule, run.protocol
        self._patches, self._pictures, self._metrics = run.patches, run.validation, run.metrics
        self._training_metrics, self._further = run.training_metrics, run.further
        self.total_steps = run.total_steps
        self.agenda = Agenda(options, epoch_steps=self.epoch_steps, last=self.total_steps)
        self.halt = halt or Halt()
        self.batches = 0
        self.pending: set[str] = set()
        self.due: set[str] = set()
        self.measured: dict[str, float] = {}
        self.terms: dict[str, Tensor] = {}
        self.rests = False
        self._pausing = False
        self._compiled = compiled(self.network, options.compile)
        self._ahead = run.ahead
        self._drawn: list[Tensor] | None = None  # the state of the random numbers of a checkpoint
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

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
        """Whether these weights count: in adversarial training, once the discriminator has taken part."""
        return self.adversarial is None or self.adversarial.options.start < self.step

    @property
    def step(self) -> int:
        """Steps of the optimiser that lie behind."""
        return self.steps_of(self.batches)

    @property
    def total_batches(self) -> int:
        """Batches of the whole run."""
        epochs, rest = divmod(self.total_steps, self.epoch_steps)
        return epochs * len(self._patches) + rest * self._options.accumulate

    @property
    def epoch(self) -> float:
        """How many epochs lie behind; in the middle of one with a fraction of four digits."""
        epochs, rest = divmod(self.step, self.epoch_steps)
        return epochs if rest == 0 else round(self.step / self.epoch_steps, 4)

    def steps_of(self, batches: int) -> int:
        """Return how many steps so many batches make."""
        epochs, rest = divmod(batches, len(self._patches))
        return epochs * self.epoch_steps + math.ceil(rest / self._options.accumulate)

    def train_dataloader(self) -> DataLoader[Pair]:
        """Load the batches of the legs to come."""
        rank, world = self.trainer.global_rank, self.trainer.world_size
        return train_loader(
            self._patches,
            first=self._first_batch,
            pauses=self._pauses,
            rank=rank,
            world=world,
            ahead=self._ahead,
            device=self.device,
            resident=ResidentPatches(self._patches, self.device) if self._options.resident else None,
        )

    def on_train_epoch_start(self) -> None:
        """Nothing is due while it trains."""
        self.due = set()

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        """Take the generator's step, then the discriminator's; stop when a term of either is not finite."""
        epoch, place = divmod(self.batches, len(self._patches))
        if place == 0:
            self._seed(epoch)
        elif self._drawn is not None:
            self._draw_on(self._drawn)
        self._drawn = None
        size, last = accumulation(place, len(self._patches), self._options.accumulate)
        step = epoch * self.epoch_steps + place // self._options.accumulate
        adversarial = self.adversarial
        if adversarial is not None and step < adversarial.options.start:
            adversarial = None
        lr, hr = unit_batch(batch)

        optimizer = self._optimizers[0]
        with optimizer.toggle_model(sync_grad=last):
            sr = self._compiled(lr).float()
            sharpen = self._options.sharpen
            target = hr if sharpen is None else sharpened(hr, sharpen)
            terms = loss_terms(self._losses, sr, target, self._by_averaged(lr))
            weights = self.loss_weights
            if adversarial is not None:
                terms["adversarial"] = adversarial.generator_loss(sr, hr)
                weights = {**weights, "adversarial": adversarial.options.weight}
            self._check(terms, step, batch, sr, _CALMER)
            total = weighted_sum(terms, weights)
            self.manual_backward(total / size)
        self._add(terms)
        if self._training_metrics:
            found = batch_means(self._training_metrics, sr.detach(), batch[1], self._protocol)
            self._add({name: torch.tensor(value, device=self.device) for name, value in found.items()})
        self.terms = {"loss": total.detach(), **{name: value.detach() for name, value in terms.items()}}
        if last:
            self._take(0)
            if self.averaged is not None:
                move_towards(self.averaged, self.network, decay_after(step + 1, self._options.ema))
        if adversarial is not None:
            self._train_discriminator(adversarial, step, batch, sr, hr, size, last)
        self.batches += 1

    def _by_averaged(self, lr: Tensor) -> Tensor | None:
        """Return what the averaged weights make of a batch, where a loss term asks for it."""
        if self.averaged is None or not any(loss.uses_averaged for loss in self._losses.values()):
            return None
        with torch.no_grad():  # as it is validated: nothing dropped, and its statistics left alone
            sr: Tensor = self.averaged.eval()(lr).float()
        return sr

    def _train_discriminator(
        self, adversarial: AdversarialTraining, step: int, batch: Pair, sr: Tensor, hr: Tensor, size: int, last: bool
    ) -> None:
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

    def measure(self) -> bool:
        """Measure the network on all validation pictures, into `measured`, and tell a schedule that waits for it.

        What it draws is not missed by the training, so that the weights know nothing of when they were measured.

        Returns:
            Whether it was done; the measuring of a single process ends at once when the run is halted.

        Raises:
            NonFiniteError: the last step spoiled the weights; nothing is written of them.
            DataError: a metric cannot measure a picture.
        """
        for network in (self.network, self.averaged, self.adversarial):
            if network is not None:  # the same network is measured, and later written, in every process
                share_buffers(network)
        with self.evaluating():
            means = self._scored(self._pictures, self._protocol, self._losses)
            found = {f"val_{name}": value for name, value in (means or {}).items()}
            for name, pictures in self._further.items():
                if means is not None:
                    means = self._scored(pictures.pictures, pictures.protocol, {})
                    found |= {f"{name}_{key}": value for key, value in (means or {}).items() if key != "loss"}
        if means is None:
            return False
        self.measured = found
        scheduler = self._schedulers[0]
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(found["val_loss"])
        return True

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Run networks as they are when they are used; training goes on as if nothing had been in between."""
        modes = [(module, module.training) for module in self.modules()]
        devices = [self.device] if self.device.type == "cuda" else []
        self.eval()
        try:
            with torch.random.fork_rng(devices), torch.no_grad(), self.trainer.precision_plugin.val_step_context():
                yield
        finally:
            for module, training in modes:
                module.training = training

    def _scored(self, pictures: Cache, protocol: Protocol, losses: Mapping[str, Loss]) -> dict[str, float] | None:
        """Return the means over all processes' pictures; `None` where the run was halted meanwhile."""
        rank, world = self.trainer.global_rank, self.trainer.world_size
        scores: dict[int, Score] = {}
        bad: BadBatchError | None = None
        for number, batch in picture_batches(pictures, rank=rank, world=world):
            if world == 1 and self.halt.asked:
                return None
            on_device = (batch[0].to(self.device), batch[1].to(self.device))
            found, sr = score(self.best_network, losses, on_device, protocol, self._metrics)
            wrong = {name: value for name, value in found.terms.items() if not math.isfinite(value)}
            if wrong and bad is None:
                bad = self._bad_batch(wrong, self.step, batch, sr, _CALMER)
            scores[number] = found
        if any_of([bad is not None], self.device)[0]:
            raise bad or BadBatchError({}, step=0, epoch=0, advice=_CALMER, pictures=None)
        everyone: dict[int, Score] = {}
        for theirs in gather(scores):
            everyone.update(theirs)
        return mean_score([everyone[number] for number in sorted(everyone)], self.loss_weights)

    def forget_means(self) -> None:
        """Begin the sums of the next row."""
        self._sums, self._counts = {}, {}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep where the run is, also in the middle of an epoch: every process takes part."""
        own = ({name: float(value) for name, value in self._sums.items()}, dict(self._counts))
        checkpoint["progress"] = {
            "batches": self.batches,
            "steps": self.step,
            "epoch": self.epoch,
            "pending": sorted(self.pending),
            "sums": gather(own),
            "drawn": gather(self._drawing()),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from where the run is; before there were steps a checkpoint was of an epoch's end."""
        told = checkpoint.get("progress")
        if told is None:
            rows = checkpoint["callbacks"]["History"]["rows"]
            self.batches = int(rows[-1]["epoch"]) * len(self._patches)
            return
        self.batches, self.pending = told["batches"], set(told["pending"])
        rank = self.trainer.global_rank
        if len(told["sums"]) == self.trainer.world_size:
            sums, self._counts = told["sums"][rank]
            self._drawn = told["drawn"][rank]
        else:  # another number of processes: each goes on with what the first knows
            sums, self._counts = told["sums"][0]
        self._sums = {name: torch.tensor(value, device=self.device) for name, value in sums.items()}

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
        steps = self.total_steps
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

    def _first_batch(self) -> int | None:
        """Return the batch that comes next, or `None` where something has to be done before."""
        return None if self.pending or self.batches >= self.total_batches else self.batches

    def _pauses(self, batches: int) -> bool:
        """Whether training pauses when so many batches lie behind: never between two that make a step."""
        place = (batches - 1) % len(self._patches)
        if not accumulation(place, len(self._patches), self._options.accumulate)[1]:
            return False
        step = self.steps_of(batches)
        # Several processes must agree, which they do once a step.
        asked = self._pausing or (self.trainer.world_size == 1 and self._asked_to_pause())
        return asked or step >= self.total_steps or bool(self.agenda.due(step))

    def _asked_to_pause(self) -> bool:
        """Whether this process's clock or a signal to it asks for a pause."""
        return self.halt.asked or bool(self.agenda.overdue())

    def leg_ends(self) -> set[str]:
        """Return what is due now that training pauses; every process must call it."""
        self._pausing = False
        self.due = gather(self.agenda.due(self.step) | self.agenda.overdue() | self.pending)[0]
        return self.due

    def halted(self) -> bool:
        """Whether the run is to end here; every process must call it."""
        return any_of([self.halt.asked], self.device)[0]

    def _seed(self, epoch: int) -> None:
        """Seed what a network may draw in this epoch."""
        state = np.random.SeedSequence((self._patches.seed, epoch, self.global_rank)).generate_state(1)
        torch.manual_seed(int(state[0]))

    def _drawing(self) -> list[Tensor]:
        """Return the state of what a network draws from: the processor's, and the device's."""
        if self._drawn is not None:  # nothing has been trained since the checkpoint
            return self._drawn
        own = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return [torch.get_rng_state(), *own]

    def _draw_on(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0].cpu())
        if self.device.type == "cuda" and len(states) > 1:
            torch.cuda.set_rng_state(states[1].cpu(), self.device)

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
        stops, pauses = any_of([bool(bad), self._asked_to_pause()], self.device)
        self._pausing = self._pausing or pauses
        if stops:
            raise self._bad_batch(bad, step, batch, sr, advice)

    def _bad_batch(self, bad: dict[str, float], step: int, batch: Pair, sr: Tensor, advice: str) -> BadBatchError:
        lr, hr = (pixels.cpu().numpy() for pixels in batch)
        pictures = Pictures(lr, sr.detach().permute(0, 2, 3, 1).cpu().numpy(), hr) if bad else None
        epoch = max(0, step - 1) // self.epoch_steps if self.due else step // self.epoch_steps
        return BadBatchError(bad, step=step, epoch=epoch, advice=advice, pictures=pictures)
