"""What the server process and the worker process say to each other: one JSON object a line, over pipes.

To the worker: `WorkerSettings` first; then `{"do": number, …}` for each piece of work, and `{"cancel": number}`. When
the pipe ends, so does the worker.

From the worker: `{"ready": …}` when its model is loaded and `{"tables": …}` with what it reads, writes and knows; then
for each piece of work `opened`, `tiles` now and then, and last `done` or `problem`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

IN_HAND = 5
"""Pictures that a worker has at once: three take turns at the predictor, one is decoded, and one coded."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker is told when it begins; as in `ServeSettings`."""

    model: str
    device: str
    backend: str
    precision: str
    threads: int | None
    max_pixels: int
    max_frames: int
    max_made_pixels: int
    max_memory: int
    max_file: int


def line(message: object) -> bytes:
    """Return a message as it travels."""
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        message = dataclasses.asdict(message)
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def read(text: bytes) -> dict[str, Any]:
    """Return a message from its line."""
    message: dict[str, Any] = json.loads(text)
    return message
