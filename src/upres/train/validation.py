"""Measuring a network on the validation pictures: every loss term, and PSNR and more under the recipe's protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from upres.archs import Network
from upres.data import Cache
from upres.image import from_unit
from upres.losses import Loss
from upres.metrics import Metric, Protocol, measure_several, measure_with, metric
from upres.train.loaders import Pair
from upres.train.step import loss_terms


@dataclass(frozen=True)
class ValidationSet:
    """Pictures that are measured besides those that decide: their PSNR and metrics, by a protocol of their own."""

    pictures: Cache
    protocol: Protocol


@dataclass(frozen=True)
class Score:
    """What a batch of validation pictures scored: means of the loss terms, PSNR and other metrics of each picture."""

    terms: dict[str, float]
    psnr: tuple[float, ...]
    metrics: dict[str, tuple[float, ...]] = field(default_factory=dict)


def score(
    network: Network, losses: Mapping[str, Loss], batch: Pair, protocol: Protocol, metrics: Mapping[str, Metric]
) -> tuple[Score, Tensor]:
    """Enlarge a batch of whole pictures, uint8 `n h w c`, and measure it; return the score and sr `n c h w`.

    Raises:
        DataError: a metric cannot measure a picture.
    """
    lr, hr = unit_batch(batch)
    sr = network(lr).float()
    terms = {name: float(value) for name, value in loss_terms(losses, sr, hr).items()}
    pairs = zip(as_bytes(sr), batch[1].cpu().numpy(), strict=True)
    measured = [measure_with({"psnr": metric("psnr"), **metrics}, *pair, protocol) for pair in pairs]
    psnr, *others = (tuple(values[name] for values in measured) for name in ("psnr", *metrics))
    return Score(terms, psnr, dict(zip(metrics, others, strict=True))), sr


def mean_score(scores: Iterable[Score], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the means over pictures, as papers do: `psnr`, the weighted `loss`, each term and metric by its name."""
    kept = list(scores)
    pictures = [len(item.psnr) for item in kept]
    terms = {name: float(np.average([item.terms[name] for item in kept], weights=pictures)) for name in kept[0].terms}
    return {
        "psnr": float(np.mean([value for item in kept for value in item.psnr])),
        "loss": sum(weights[name] * value for name, value in terms.items()),
        **terms,
        **{name: float(np.mean([value for item in kept for value in item.metrics[name]])) for name in kept[0].metrics},
    }


def batch_means(metrics: Mapping[str, Metric], sr: Tensor, hr: Tensor, protocol: Protocol) -> dict[str, float]:
    """Return each metric's mean over a batch of crops: sr `n c h w` in [0, 1], hr uint8 `n h w c`.

    Raises:
        DataError: a metric cannot measure crops of this size.
    """
    measured = measure_several(metrics, as_bytes(sr), hr.cpu().numpy(), protocol)
    return {name: float(np.mean(values)) for name, values in measured.items()}


def unit_batch(batch: Pair) -> Pair:
    """Turn uint8 `n h w c` into float32 `n c h w` in [0, 1], laid out channels-last."""
    lr, hr = (pixels.permute(0, 3, 1, 2).float() / 255 for pixels in batch)
    return lr, hr


def as_bytes(sr: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Round a batch `n c h w` to the 8-bit pictures `n h w c` that would be written; what is no number is black."""
    pixels = torch.nan_to_num(sr, nan=0.0, posinf=1.0, neginf=0.0)
    return from_unit(pixels.permute(0, 2, 3, 1).cpu().numpy(), np.uint8)
