"""For pipelines of others: what `map_batches` of Ray Data calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import numpy as np

from upres.errors import UpresError
from upres.models.shipped import DEFAULT
from upres.storage.scratch import scratch_folder
from upres.upscaling.batch.jobs import suffix_like
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.pipeline import Settings, enlarge
from upres.upscaling.sizes import Size


class Upscale:
    """Enlarges a column of pictures; each worker loads the model once, when it meets its first.

    `dataset.map_batches(Upscale, fn_constructor_kwargs={"scale": 2, "column": "image"}, concurrency=4, num_cpus=1)`

    A row whose picture cannot be enlarged keeps its place: its result is `None`, and its error is said beside it.

    Args:
        column: arrays `h w`, `h w c` (uint8, uint16, or floats from 0 to 1), or the bytes of picture files.
        into: the column of the results, of the same kind; bytes are files of the format that they came in, or `form`.
        errors: the column of what went wrong, in words; empty where nothing did.
        form: the format of bytes, as people name it.
        model, scale: as in `upres.load`.
        options: the same.
    """

    def __init__(
        self,
        *,
        column: str = "image",
        into: str = "enlarged",
        errors: str = "error",
        form: str | None = None,
        model: str | Path = DEFAULT,
        scale: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._column, self._into, self._errors, self._form = column, into, errors, form
        one: Options = {"threads": 1}
        self._upscalers = Upscalers(model, Size(scale), **(one | options))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return a batch with the results beside what it held."""
        pictures = batch[self._column]
        made = np.empty(len(pictures), dtype=object)
        said = np.empty(len(pictures), dtype=object)
        for number, picture in enumerate(pictures):
            said[number] = ""
            try:
                made[number] = self._file(bytes(picture)) if isinstance(picture, bytes) else self._array(picture)
            except UpresError as error:
                said[number] = str(error)
        return {**batch, self._into: made, self._errors: said}

    def _array(self, pixels: Any) -> Any:
        array = np.asarray(pixels)
        return self._upscalers.for_pixels(array)(array)

    def _file(self, content: bytes) -> bytes:
        with scratch_folder() as folder:
            path = folder / "picture"
            path.write_bytes(content)
            try:
                source = Settings().opened(path)
                position = self._upscalers.position_for(source).position
                upscaler = self._upscalers.for_opened(source, position)
                target = folder / f"enlarged{suffix_like(source.header.format, self._form)}"
                enlarge(source, Settings().sink(target), upscaler.enlargement)
            except UpresError as error:
                raise error.at("picture") from None
            return target.read_bytes()
