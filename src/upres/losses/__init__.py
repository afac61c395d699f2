"""Loss terms. A new one is one file here and one line in `LOSSES`."""

from __future__ import annotations

from upres.losses.adversarial import ADVERSARIAL, Adversarial
from upres.losses.charbonnier import Charbonnier
from upres.losses.frequency import Frequency
from upres.losses.l1 import L1
from upres.losses.log_mse import LogMse
from upres.losses.loss import Loss
from upres.losses.luma import Luma
from upres.losses.ms_ssim import MSSSIM
from upres.losses.mse import MSE
from upres.losses.perceptual import Perceptual
from upres.losses.ssim import SSIM
from upres.losses.style import Style
from upres.losses.tv import TV

LOSSES: dict[str, type[Loss]] = {
    "charbonnier": Charbonnier,
    "frequency": Frequency,
    "l1": L1,
    "log-mse": LogMse,
    "luma": Luma,
    "ms-ssim": MSSSIM,
    "mse": MSE,
    "perceptual": Perceptual,
    "ssim": SSIM,
    "style": Style,
    "tv": TV,
}

__all__ = ["ADVERSARIAL", "LOSSES", "Adversarial", "Loss"]
