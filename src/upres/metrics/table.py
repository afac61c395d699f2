"""The table of metrics."""

from __future__ import annotations

import dataclasses

from upres.config.tables import Table
from upres.errors import ConfigError, nearest
from upres.metrics.dists import Dists
from upres.metrics.feature_distance import FeatureDistance
from upres.metrics.lpips import Lpips
from upres.metrics.mae import Mae
from upres.metrics.metric import Metric
from upres.metrics.ms_ssim import MsSsim
from upres.metrics.mse import Mse
from upres.metrics.niqe import NiqeUpres
from upres.metrics.psnr import Psnr
from upres.metrics.ssim import Ssim

METRICS: Table[type[Metric]] = Table(
    "upres.metrics",
    {
        "psnr": Psnr,
        "ssim": Ssim,
        "ms-ssim": MsSsim,
        "mae": Mae,
        "mse": Mse,
        "vgg": FeatureDistance,
        "lpips": Lpips,
        "dists": Dists,
        "niqe-upres": NiqeUpres,
    },
)


def standard_metrics() -> dict[str, Metric]:
    """Build every metric that needs no options and is not measured only by name, by its name."""
    return {name: metric(name) for name, row in METRICS.items() if not row.only_by_name and not _needed(row)}


def metric(name: str) -> Metric:
    """Build a metric that needs no options.

    Raises:
        ConfigError: there is none of that name (the nearest are listed), or it cannot do without options.
    """
    if name not in METRICS:
        raise ConfigError(f"metric {name!r} is unknown; {nearest(name, METRICS)}")
    chosen = METRICS[name]
    if needed := _needed(chosen):
        raise ConfigError(f"metric {name!r} has no default for {', '.join(needed)}; give it with the name")
    return chosen(chosen.config_type())


def _needed(chosen: type[Metric]) -> list[str]:
    """Return the options that have no default."""
    missing = dataclasses.MISSING
    return [
        field.name
        for field in dataclasses.fields(chosen.config_type)
        if field.default is missing and field.default_factory is missing
    ]
