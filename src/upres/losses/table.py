"""The loss terms, and the kinds of adversarial losses, by the names that recipes give them."""

from __future__ import annotations

from upres.config.tables import Table
from upres.losses import adversarial
from upres.losses.charbonnier import Charbonnier
from upres.losses.contextual import Contextual
from upres.losses.dists import DISTS
from upres.losses.frequency import Frequency
from upres.losses.grid import Grid
from upres.losses.l1 import L1
from upres.losses.ldl import LDL
from upres.losses.log_mse import LogMse
from upres.losses.loss import Loss
from upres.losses.lpips import LPIPS
from upres.losses.luma import Luma
from upres.losses.ms_ssim import MSSSIM
from upres.losses.mse import MSE
from upres.losses.nss import NSS
from upres.losses.perceptual import Perceptual
from upres.losses.reduction import Reduction
from upres.losses.ssim import SSIM
from upres.losses.style import Style
from upres.losses.tv import TV

LOSSES: Table[type[Loss]] = Table(
    "upres.losses",
    {
        "charbonnier": Charbonnier,
        "contextual": Contextual,
        "dists": DISTS,
        "frequency": Frequency,
        "grid": Grid,
        "l1": L1,
        "ldl": LDL,
        "log-mse": LogMse,
        "lpips": LPIPS,
        "luma": Luma,
        "ms-ssim": MSSSIM,
        "mse": MSE,
        "nss": NSS,
        "perceptual": Perceptual,
        "reduction": Reduction,
        "ssim": SSIM,
        "style": Style,
        "tv": TV,
    },
)

ADVERSARIAL: Table[adversarial.AdversarialLoss] = Table(
    "upres.losses.adversarial",
    {
        "hinge": adversarial.AdversarialLoss(
            adversarial.hinge_discriminator, adversarial.hinge_generator, adversarial.above(0)
        ),
        "least-squares": adversarial.AdversarialLoss(
            adversarial.least_squares_discriminator, adversarial.least_squares_generator, adversarial.above(0.5)
        ),
        "relativistic": adversarial.AdversarialLoss(
            adversarial.relativistic_discriminator,
            adversarial.relativistic_generator,
            adversarial.apart,
            relative=True,
        ),
        "vanilla": adversarial.AdversarialLoss(
            adversarial.vanilla_discriminator, adversarial.vanilla_generator, adversarial.above(0)
        ),
    },
)
