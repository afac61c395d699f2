"""Bands of rows → a file, by libvips' encoders, which take rows as they need them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.bands import Shape
from upres.image.codecs import encode, stored_png, vips
from upres.image.codecs.table import Format, Writing
from upres.image.metadata.tags import Tags


class BandEncoder:
    """libvips' encoder in a thread, at the far end of a pipe.

    Bands go through it as the gray pixels of an uncompressed PNG as wide as a row has bytes, and are folded back into
    channels behind it.
    """

    def __init__(self, path: Path, shape: Shape, form: Format, tags: Tags, writing: Writing) -> None:
        self._shape = shape
        self._read, self._write = os.pipe()
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._job = (path, form, tags, writing)
        self._thread = threading.Thread(target=self._run, name="upres-write", daemon=True)
        self._thread.start()

    def feed(self, bands: Iterable[NDArray[Any]]) -> None:
        """Send every band; return early when the encoder has failed."""
        try:
            for part in stored_png.parts(self._lines(bands), self._shape.height, self._shape.row_bytes):
                rest = memoryview(part)
                while rest:
                    if self._done.is_set():
                        return
                    rest = rest[os.write(self._write, rest) :]
        finally:
            os.close(self._write)

    def leave(self) -> None:
        """Wait for the encoder to end; a picture whose last row it has not seen is an error to it."""
        self._thread.join()

    def check(self) -> None:
        """Raise what the encoder raised."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._save()
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()
            with os.fdopen(self._read, "rb", buffering=0) as rest:
                while rest.read(1 << 20):  # or `feed` would wait for ever with a full pipe
                    pass

    def _save(self) -> None:
        path, form, tags, writing = self._job
        pyvips = vips.pyvips()
        with vips.errors():
            folded = self._folded()
            # All that its threads do is to copy rows; each would hold some more of them.
            folded.set_type(pyvips.GValue.gint_type, "concurrency", 1)
            encode.save(folded, path, form, tags, writing)

    def _lines(self, bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.uint8]]:
        return (band.view(np.uint8).reshape(len(band), self._shape.row_bytes) for band in bands)

    def _folded(self) -> Any:
        shape = self._shape
        item = np.dtype(shape.dtype).itemsize
        # libvips closes a descriptor of its own: this one is read to its end.
        return stored_png.opened(self._read, shape.channels * item).copy(
            format=vips.FORMATS[shape.dtype],
            bands=shape.channels,
            interpretation=vips.space(shape.dtype, gray=shape.channels < 3),
        )
