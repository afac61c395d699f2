"""Small data sets in the layouts in which they are published."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np


def save_cifar(folder: Path, count: int = 4) -> dict[str, np.ndarray]:
    """Write batches of the published form: a pickle of bytes keys, rows of 1024 red, green, blue."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    batches = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        batches[name] = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        content = {b"data": batches[name], b"labels": [0] * count, b"batch_label": b"made here"}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return batches
