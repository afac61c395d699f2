"""Models through PyTorch: on a GPU, in any precision it has, and checkpoints while they are being trained."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError, DeviceMemoryError, FailedError, first_line, out_of_memory
from upres.models import files
from upres.predictors.base import Predictor
from upres.predictors.runtime import Execution, Runtime
from upres.predictors.threads import most_threads

# A 3×3 convolution on the CPU goes to oneDNN when its input has more than 20,480 numbers or its batch more than one
# picture, else to PyTorch's own code (ATen, ConvParams::use_mkldnn), which adds in another order: a small tile would
# differ from the whole in the last bits, and once in a million values by an 8-bit level. So small ones go in pairs.
# Of 256×256 pixels every layer has more, also one channel, or few channels after halving the sides four times.
_PAIRED_PIXELS = 256 * 256


class TorchPredictor(Predictor):
    """A network, built from a checkpoint of `upres train`, an ONNX file of `upres export`, or weights of others.

    Args:
        path: the file: `.safetensors`, `.onnx`, or one that PyTorch saved (`upres.models.foreign`).
        device: where it runs, as PyTorch names it: `cpu`, `cuda`, `mps`.
        precision: `fp32`; or `bf16`, `fp16` for what PyTorch's autocast thinks safe in them.
        threads: how many threads a prediction uses; `None` leaves them as they are. PyTorch knows one number for the
            whole process, so it is set while a prediction runs, and set back behind it.

    Raises:
        ImportError: PyTorch, or what it reads the file with, is not installed.
        ConfigError: PyTorch does not see such a device.
        ModelError: the file is missing, damaged or not a checkpoint of this version.
    """

    def __init__(
        self, path: str | Path, *, device: str = "cpu", precision: str = "fp32", threads: int | None = None
    ) -> None:
        import torch

        from upres.archs.folding import folded
        from upres.models import checkpoint
        from upres.models.foreign.load import read_network

        self._threads = threads
        path = Path(path)
        network, self.facts = checkpoint.load_onnx(path) if files.is_onnx(path) else read_network(path)
        if (device == "cuda" and not torch.cuda.is_available()) or (
            device == "mps" and not torch.backends.mps.is_available()
        ):
            raise ConfigError(f"device {device}: PyTorch sees none on this machine; use device cpu, or auto")
        self.how = f"torch {device} {precision}"
        self._path = path
        self._device = torch.device(device)
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        # Convolutions read all channels of a pixel together: 1.6 times as fast, 48 channels on two CPU cores.
        with _THREADS.set(threads):
            self._network = folded(network).eval().to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        import torch

        try:
            with _THREADS.set(self._threads or most_threads()), torch.inference_mode(), self._numbers():
                given = np.concatenate([lr, lr]) if self._pairs(lr) else lr
                batch = torch.tensor(given, device=self._device).contiguous(memory_format=torch.channels_last)
                sr = self._network(batch)[: len(lr)].float().cpu().contiguous()
            result: NDArray[np.float32] = sr.numpy()
            return result
        except RuntimeError as error:
            text, memory = first_line(error), out_of_memory(error)
        if not memory:
            raise FailedError(f"{self._path}: failed on an input of {lr.shape} ({text})")
        # Only here, where no traceback holds the tensors any more, is there something to give back.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        raise DeviceMemoryError(
            f"{self._path}: the memory of {self._device} does not hold an input of {lr.shape}; "
            "use smaller tiles, or device cpu"
        )

    def _pairs(self, lr: NDArray[np.float32]) -> bool:
        exact = self._device.type == "cpu" and self._dtype is None
        return exact and len(lr) == 1 and lr.shape[2] * lr.shape[3] < _PAIRED_PIXELS

    def _numbers(self) -> AbstractContextManager[Any]:
        """Return the context in which the network multiplies in the numbers that were promised."""
        import torch

        if self._dtype is not None:
            return torch.autocast(self._device.type, self._dtype)
        if self._device.type == "cuda":
            # cuDNN rounds the factors of a float32 convolution to ten bits (TF32) unless it is told not to.
            return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        return nullcontext()


class _ThreadCount:
    """How many threads PyTorch uses: one number for the whole process, borrowed while predictions are under way."""

    def __init__(self) -> None:
        self._setting = threading.Lock()
        self._predicting = 0
        self._before = 0

    @contextmanager
    def set(self, wanted: int | None) -> Iterator[None]:
        """Let PyTorch use so many threads, and after the last prediction that is under way as many as before.

        OpenMP's threads do not follow into a process that is forked off, and are waited for there for ever, unless
        the thread that asks works alone.
        """
        import torch

        if _first_process() != os.getpid():
            torch.set_num_threads(1)
            yield
            return
        if wanted is None:
            yield
            return
        with self._setting:
            if self._predicting == 0:
                self._before = torch.get_num_threads()
            self._predicting += 1
            torch.set_num_threads(wanted)
        try:
            yield
        finally:
            with self._setting:
                self._predicting -= 1
                if self._predicting == 0:
                    torch.set_num_threads(self._before)


_THREADS = _ThreadCount()


@functools.cache
def _first_process() -> int:
    """Return the process in which PyTorch was first used."""
    return os.getpid()


def _open(path: Path, execution: Execution, threads: int | None) -> Predictor:
    return TorchPredictor(path, device=execution.device, precision=execution.precision, threads=threads)


PYTORCH = Runtime(
    title="PyTorch",
    module="torch",
    install='pip install "upres[train]"',
    suffixes=(files.CHECKPOINT, *files.SAVED_BY_PYTORCH, files.ONNX),
    precisions={"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16"), "mps": ("fp32", "fp16")},
    open=_open,
    # Importing it takes longer than most pictures, and of an ONNX file it was never the fastest on the CPU: a third of
    # ONNX Runtime's speed on two cores.
    only_by_name=("cpu",),
    rebuilds=True,
)
