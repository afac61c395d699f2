"""How close a super-resolved picture is to the original: pure functions, their table, and the protocols for them."""

from upres.metrics.dists import dists
from upres.metrics.lpips import lpips
from upres.metrics.mae import mae
from upres.metrics.metric import Metric, NoOptions
from upres.metrics.ms_ssim import ms_ssim
from upres.metrics.mse import mse
from upres.metrics.niqe import niqe_upres
from upres.metrics.protocol import Protocol, measure, measure_several, measure_with
from upres.metrics.psnr import psnr
from upres.metrics.ssim import ssim
from upres.metrics.table import METRICS, metric, standard_metrics

__all__ = [
    "METRICS",
    "Metric",
    "NoOptions",
    "Protocol",
    "dists",
    "lpips",
    "mae",
    "measure",
    "measure_several",
    "measure_with",
    "metric",
    "ms_ssim",
    "mse",
    "niqe_upres",
    "psnr",
    "ssim",
    "standard_metrics",
]
