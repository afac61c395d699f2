"""One picture from standard input, to standard output, or both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from upres.errors import ConfigError, UpresError

if TYPE_CHECKING:
    from upres.upscaling.batch import BatchSettings
    from upres.upscaling.loading import Upscalers

PIPE = Path("-")
"""What stands for standard input or standard output."""


def through_pipes(
    inputs: list[Path], output: Path | None, upscalers: Upscalers, settings: BatchSettings, form: str | None
) -> None:
    """Enlarge one picture that comes from standard input, goes to standard output, or both."""
    import shutil
    import tempfile

    from upres.upscaling.batch import Job, suffix_like
    from upres.upscaling.pipeline import enlarge

    if len(inputs) != 1:
        raise ConfigError("- stands for one picture; give it alone")
    to_stdout = output in (None, PIPE)
    if to_stdout and sys.stdout.isatty():
        raise ConfigError("standard output is a terminal, and a picture is no text; send it on with > or |, or give -o")
    with tempfile.TemporaryDirectory(prefix="upres-") as name:
        source, target = inputs[0], output
        shown: dict[str | None, object] = {}  # what a person knows temporary files as
        if source == PIPE:
            # Formats are read from their end as much as from their beginning, so what comes is put on disk first.
            source = Path(name) / "in"
            shown[str(source)] = "standard input"
            with source.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            opened = settings.files.opened(source)
            if target is None or to_stdout:
                target = Path(name) / f"out{suffix_like(opened.header.format, form)}"
                shown[str(target)] = "standard output"
            job = Job(source, target)
            if settings.skips(job):
                return
            settings.check(job)
            upscaler = upscalers.for_picture(*opened.shape.size, upscalers.position_for(opened).position)
            enlarge(opened, settings.files.sink(target), upscaler.enlargement)
        except UpresError as error:
            raise (error.at(shown[error.where]) if error.where in shown else error) from error
        if to_stdout:
            with target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
