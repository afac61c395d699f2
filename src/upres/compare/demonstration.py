"""The demonstration: a photograph is reduced, enlarged again in three ways, measured, and shown in one html file."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.compare.demonstration_html import as_html
from upres.compare.result import Demonstration, Result
from upres.errors import ConfigError
from upres.image import Picture, imresize, read, write
from upres.image.sample import PHOTOGRAPH
from upres.metrics import Protocol, measure
from upres.models.shipped import DEFAULT
from upres.storage.atomic import write_whole
from upres.upscaling.loading import load

__all__ = ["SCALE", "Demonstration", "Result", "Written", "demonstrate"]

SCALE = 4
_RUNS = 3

Enlarge = Callable[[NDArray[np.uint8]], NDArray[Any]]


@dataclass(frozen=True)
class Written:
    """The files that a demonstration leaves."""

    lr: Path
    sr: Path
    html: Path


def demonstrate(
    output: Path, *, model: str | Path = DEFAULT, threads: int | None = None
) -> tuple[Demonstration, Written]:
    """Reduce the included photograph, enlarge it again in three ways, measure each, and leave an html file of it.

    Args:
        output: the folder for the files; it is made, and files of an earlier demonstration are replaced.
        model: what enlarges the photograph besides nearest neighbour and bicubic; as in `upres.load`.
        threads: as in `upres.load`.

    Raises:
        ConfigError: `output` is a file, or cannot be made a folder.
        ModelError, MissingExtraError: the model cannot be loaded.
        PictureError: `output` may not be written to.
    """
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file; the demonstration leaves a folder: remove it, or give another output")
    upscaler = load(model, scale=SCALE, threads=threads)
    hr = read(PHOTOGRAPH).pixels
    lr = imresize(hr, 1 / SCALE)
    protocol = Protocol(border=SCALE)
    facts = upscaler.predictors[0].facts
    demonstration = Demonstration(
        lr,
        hr,
        SCALE,
        protocol,
        _RUNS,
        nearest=_result("nearest", _nearest, lr, hr, protocol),
        bicubic=_result("bicubic", load("bicubic", scale=SCALE), lr, hr, protocol),
        ours=_result(facts.name, upscaler, lr, hr, protocol),
        facts=facts,
    )
    return demonstration, _write(demonstration, output)


def _write(demonstration: Demonstration, folder: Path) -> Written:
    written = Written(folder / "low-resolution.png", folder / "enlarged.png", folder / "before-after.html")
    html = as_html(demonstration)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({error.strerror}); give another output") from error
    write(Picture(demonstration.lr), written.lr)
    write(Picture(demonstration.ours.pixels), written.sr)
    write_whole(written.html, html)
    return written


def _result(name: str, enlarge: Enlarge, lr: NDArray[np.uint8], hr: NDArray[np.uint8], protocol: Protocol) -> Result:
    enlarge(lr)  # a runtime prepares itself on its first picture
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        sr = enlarge(lr)
        seconds.append(time.perf_counter() - start)
    values = measure(sr, hr, protocol)
    return Result(name, sr, statistics.median(seconds), values["psnr"], values["ssim"])


def _nearest(lr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return lr.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
