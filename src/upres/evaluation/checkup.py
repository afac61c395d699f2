"""What works of upres on this machine, what is missing, and the command that brings it. Nothing goes online."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import upres
from upres.errors import UpresError
from upres.image.codecs.installation import abilities
from upres.image.codecs.vips import pyvips
from upres.models.corners import corners_of
from upres.models.shipped import check_whole, shipped
from upres.predictors import open_predictor
from upres.predictors.executions import executions, this_machine
from upres.predictors.table import RUNTIMES
from upres.storage.cache_home import cache_home
from upres.upscaling.loading import load

OK, MISSING, WRONG = "ok", "missing", "wrong"

_ORT_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
_FREE_BYTES = 1_000_000_000
_MODEL = "fast"
# Of the range from black to white: what another order of the same additions may come to.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        id: its name, which stays the same.
        state: `OK`; `MISSING`, where something more could be had; or `WRONG`, which should be mended.
        said: what was found.
        cure: the command or step that mends or brings it; empty where nothing is to be done.
    """

    id: str
    state: str
    said: str
    cure: str = ""


def checkup() -> Iterator[Finding]:
    """Look at everything, the quick things first; the last enlarges a small picture."""
    looks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("versions", _versions),
        ("runtimes", _runtimes),
        ("formats", _formats),
        ("models", _models),
        ("folders", _folders),
        ("self-test", _self_test),
    )
    for name, look in looks:
        try:
            yield from look()
        except Exception as error:  # whatever it is, it is what the person came to find out
            yield Finding(name, WRONG, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "report it")


def _versions() -> Iterator[Finding]:
    yield Finding("upres", OK, f"{upres.__version__} in {Path(upres.__file__).parent}")
    yield Finding("python", OK, f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    vips = pyvips()
    yield Finding("libvips", OK, ".".join(str(vips.version(part)) for part in range(3)))


def _runtimes() -> Iterator[Finding]:
    machine = this_machine()
    for name, runtime in RUNTIMES.items():
        if name in machine.backends:
            yield Finding(name, OK, f"{runtime.title} {_version(runtime.module)}")
        else:
            yield Finding(name, MISSING, f"{runtime.title} is not installed", runtime.install)
    wheels = [name for name in _ORT_WHEELS if _version(name)]
    if len(wheels) > 1:
        cure = f"pip uninstall {' '.join(wheels)}, then install one of them"
        yield Finding("onnxruntime-wheels", WRONG, f"{' and '.join(wheels)} overwrite each other's files", cure)
    if machine.gpu is None:
        yield Finding("gpu", OK, "none that upres uses; the processor is")
        return
    devices = {each.backend for each in executions() if each.device == machine.gpu and machine.runs(each)}
    if devices:
        yield Finding("gpu", OK, f"{machine.gpu}, by {', '.join(sorted(devices))}")
    else:
        yield Finding("gpu", MISSING, f"{machine.gpu} is there, and no runtime that uses it", RUNTIMES["torch"].install)


def _formats() -> Iterator[Finding]:
    found = abilities()
    yield Finding("formats", OK, f"reads {', '.join(each.form.name for each in found if each.reads)}")
    for each in found:
        if not each.reads:
            cure = each.brings or "a libvips with its codec, without the package pyvips-binary"
            yield Finding("formats-missing", MISSING, f"{each.form.name} is not read", cure)


def _models() -> Iterator[Finding]:
    files = [file for model in shipped() for file in corners_of(model.path).files]
    for file in files:
        try:
            check_whole(file)
        except UpresError as error:
            yield Finding("models", WRONG, str(error), "pip install --force-reinstall --no-deps upres")
            return
    yield Finding("models", OK, f"{len(files)} files, as they were made")


def _folders() -> Iterator[Finding]:
    cache = cache_home()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        yield Finding("cache", OK, str(cache))
    else:
        yield Finding(
            "cache", WRONG, f"{there} is no folder that can be written", "set UPRES_CACHE to a folder of yours"
        )
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < _FREE_BYTES:
        yield Finding("disk", WRONG, said, "free some, or set TMPDIR to a folder elsewhere")
    else:
        yield Finding("disk", OK, said)


def _self_test() -> Iterator[Finding]:
    """Enlarge noise in what `auto` picks, whole and in tiles, and hold it against float32 on ONNX Runtime."""
    pixels = np.random.default_rng(0).random((48, 40, 3), dtype=np.float32)
    exact = open_predictor(_MODEL, 4, backend="onnx", device="cpu", precision="fp32")
    expected = np.clip(exact.predict(pixels.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0), 0, 1)
    whole, tiled = (load(_MODEL, scale=4, tile=tile, denoise=0, detail=0)(pixels) for tile in (None, 24))
    worst = float(np.abs(whole - expected).max())
    seams = float(np.abs(tiled - whole).max())
    how = f"{_MODEL} as auto runs it: {worst:.1e} from float32 on ONNX Runtime, tiles {seams:.1e} from the whole"
    if worst <= _ROUNDING and seams <= _ROUNDING:
        yield Finding("self-test", OK, how)
    else:
        yield Finding("self-test", WRONG, how, "upres photo.jpg --backend onnx, and report this")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of its own" if package in sys.modules else ""
