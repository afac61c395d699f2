"""Adversarial training: what the discriminator tells the generator, and what it learns itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upres.archs import Discriminator
from upres.losses import ADVERSARIAL
from upres.losses.shifting import shifted
from upres.train.options import AdversarialConfig
from upres.train.schedules import Schedule


@dataclass(frozen=True)
class DiscriminatorLoss:
    """A discriminator's loss on a batch, and its accuracy on the real and on the fake pictures, scalars."""

    loss: Tensor
    real_accuracy: Tensor
    fake_accuracy: Tensor


class AdversarialTraining(nn.Module):
    """A discriminator, with the loss by which it and the generator are trained.

    Args:
        discriminator: tells hr from sr.
        options: the recipe's `adversarial` section.
        schedule: of the discriminator's learning rate; it counts the steps that the discriminator takes.
    """

    def __init__(self, discriminator: Discriminator, options: AdversarialConfig, schedule: Schedule) -> None:
        super().__init__()
        self.discriminator = discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.options, self.schedule = options, schedule
        self._kind = ADVERSARIAL[options.kind]

    def generator_loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return what the generator minimises; the discriminator learns nothing by it."""
        sr, hr = shifted(sr, hr, self.options.shift)
        with _frozen(self.discriminator):
            fake: Tensor = self.discriminator(sr).float()
            real = fake
            if self._kind.relative:
                with torch.no_grad():
                    real = self.discriminator(hr).float()
            return self._kind.generator(real, fake)

    def discriminator_loss(self, sr: Tensor, hr: Tensor) -> DiscriminatorLoss:
        """Return what the discriminator minimises; the generator learns nothing by it."""
        sr, hr = shifted(sr, hr, self.options.shift)
        penalised = self.options.gradient_penalty > 0
        hr = hr.detach().requires_grad_(penalised)
        real, fake = self.discriminator(hr).float(), self.discriminator(sr.detach()).float()
        with torch.no_grad():
            right = self._kind.right(real, fake)
        loss = self._kind.discriminator(real, fake)
        if penalised:
            loss = loss + self.options.gradient_penalty * _squared_slope(real, hr)
        return DiscriminatorLoss(loss, *right)


def _squared_slope(logits: Tensor, pixels: Tensor) -> Tensor:
    """Return the mean over pictures of the squared norm of the gradient of a picture's mean logit by its pixels."""
    total = logits.flatten(1).mean(dim=1).sum()
    (slope,) = torch.autograd.grad(total, pixels, create_graph=True)
    return slope.float().square().sum(dim=(1, 2, 3)).mean()


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
