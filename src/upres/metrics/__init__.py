"""How close a super-resolved picture is to the original: pure functions, and the protocols for them."""

from upres.metrics.mae import mae
from upres.metrics.mse import mse
from upres.metrics.protocol import METRICS, Protocol, measure
from upres.metrics.psnr import psnr
from upres.metrics.ssim import ssim

__all__ = ["METRICS", "Protocol", "mae", "measure", "mse", "psnr", "ssim"]
