"""Adversarial losses: pure functions of a discriminator's logits for real (hr) and fake (sr) pictures.

Logits are of any shape, a number a picture or a map; every loss is the mean over all of them. The generator's
losses are what it minimises; where a discriminator's loss is meant, sr must have been detached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class AdversarialLoss:
    """One kind of adversarial loss, as functions of (real logits, fake logits).

    Attributes:
        discriminator: the loss of the network that tells hr from sr.
        generator: the loss of the network that makes sr.
        right: the share of real logits, and that of fake ones, on the right side of the kind's own boundary.
        relative: the generator's loss looks at the real logits too.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    right: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    relative: bool = False


def vanilla_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−E[log σ(real)] − E[log(1 − σ(fake))] (Goodfellow et al., NIPS 2014, equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def vanilla_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−E[log σ(fake)], the form that does not saturate (Goodfellow et al. 2014, section 3; SRGAN, equation 6)."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """½ E[(real − 1)²] + ½ E[fake²] (Mao et al., LSGAN, ICCV 2017, equation 9)."""
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """½ E[(fake − 1)²] (Mao et al., LSGAN, ICCV 2017, equation 9)."""
    return ((fake - 1) ** 2).mean() / 2


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 − real)] + E[max(0, 1 + fake)] (Miyato et al., ICLR 2018, equation 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−E[fake] (Miyato et al., ICLR 2018, equation 17)."""
    return -fake.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−E[log σ(real − E[fake])] − E[log(1 − σ(fake − E[real]))].

    Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019, the average form; ESRGAN (Wang et al.,
    ECCVW 2018), equation 1.
    """
    return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−E[log(1 − σ(real − E[fake]))] − E[log σ(fake − E[real])] (ESRGAN, equation 2)."""
    return F.softplus(real - fake.mean()).mean() + F.softplus(real.mean() - fake).mean()


def above(boundary: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return what counts the logits on the right side of a boundary: real ones above it."""

    def right(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return (real > boundary).float().mean(), (fake <= boundary).float().mean()

    return right


def apart(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Count the logits on the right side of the mean of the other ones."""
    return (real > fake.mean()).float().mean(), (fake <= real.mean()).float().mean()
