"""One picture from standard input, to standard output, or both."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from upres.errors import ConfigError, shown_as

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

    from upres.storage.atomic import nameless_file
    from upres.upscaling.batch import Job, suffix_like
    from upres.upscaling.pipeline import enlarge

    if len(inputs) != 1:
        raise ConfigError("- stands for one picture; give it alone")
    to_stdout = output in (None, PIPE)
    if to_stdout and sys.stdout.isatty():
        raise ConfigError("standard output is a terminal, and a picture is no text; send it on with > or |, or give -o")
    with contextlib.ExitStack() as files:
        source, target, into = inputs[0], output, None
        shown: dict[str, object] = {}
        files.enter_context(shown_as(shown))
        if source == PIPE:
            # Formats are read from their end as much as from their beginning, so what comes is put on disk first.
            source, file = files.enter_context(nameless_file())
            shown[str(source)] = "standard input"
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
        opened = settings.files.opened(source)
        if target is None or to_stdout:
            folder = Path(tempfile.gettempdir())
            if opened.header.pages == 1:
                into, _ = files.enter_context(nameless_file())
            else:  # pages and frames are put together in files beside the one that holds them
                folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="upres-")))
            target = folder / f"standard-output{suffix_like(opened.header.format, form)}"
            shown[str(target)] = "standard output"
        else:
            job = Job(source, target)
            if settings.skips(job):
                return
            settings.check(job)
        upscaler = upscalers.for_opened(opened, upscalers.position_for(opened).position)
        enlarge(opened, settings.files.sink(target, into=into), upscaler.enlargement)
        if to_stdout:
            with (into or target).open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
