"""A loaded model that enlarges arrays, pictures and files; colour, depth, alpha and metadata survive.

The file is not called upscale.py, because `upres.upscale` is the function: importing a module of that name
would put the module in its place.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from numpy.typing import NDArray

from upres.config.limits import MAX_FRAMES, MAX_MEMORY, MAX_PIXELS
from upres.errors import CancelledError, UpresError
from upres.image import OpenedPicture
from upres.image.picture import Picture
from upres.image.prefetch import Prefetch
from upres.predictors import Predictor
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.kinds import Taken, decoded, taken
from upres.upscaling.pipeline import Settings, enlarge
from upres.upscaling.progress import Progress

if TYPE_CHECKING:
    import PIL.Image
    import torch

OnError = Callable[[Any, UpresError], object]
"""Called with a source and what is wrong with it."""


class Upscaler:
    """A model, or a chain of them, that enlarges pictures.

    Args:
        predictors: one predictor, or several that are applied one after the other; none for a `scale` up to 1.
        scale: output side ÷ input side; `None` is what the predictors reach together. Below that, their
            result is reduced by antialiased bicubic.
        tile: side of a tile's core in pixels of the picture it is cut from; `None` takes 256, or what fits
            `max_memory`. The result does not depend on it, unless the model looks at the whole picture.
        halo: pixels around a core that the network sees too; `None` takes the model's receptive-field
            radius, with which tiles are exact. Fewer are faster, and leave seams: `worst_difference` measures
            them.
        max_memory: bytes that the process should stay below while `file` works; tiles follow from it.

    Attributes:
        enlargement: how it enlarges.

    Raises:
        ModelError: there is no predictor, or they do not reach `scale`.
        ConfigError: the tile or the halo is out of range.
    """

    def __init__(
        self,
        predictors: Predictor | Sequence[Predictor],
        *,
        scale: float | None = None,
        tile: int | None = None,
        halo: int | None = None,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        several = (predictors,) if isinstance(predictors, Predictor) else predictors
        self.enlargement = Enlargement(several, scale=scale, tile=tile, halo=halo, max_memory=max_memory)

    @property
    def predictors(self) -> tuple[Predictor, ...]:
        """What is applied, one after the other."""
        return self.enlargement.predictors

    @property
    def scale(self) -> float:
        """Output side ÷ input side."""
        return self.enlargement.scale

    @property
    def worst_difference(self) -> float:
        """How far tiles may be from the whole picture: 0 to 1, in parts of the range from black to white.

        It is 0 without measuring when tiles are exact. Else a picture of noise, edges and a slope is enlarged in
        nine small tiles and as a whole; photographs show less.
        """
        return self.enlargement.worst_difference

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which a picture is enlarged, at least 1×1."""
        return self.enlargement.size(height, width)

    def tiles(self, height: int, width: int, *, clear: bool = False) -> int:
        """Return how many tiles a picture, with clear pixels or without, takes in all steps together."""
        return self.enlargement.tiles(height, width, clear=clear)

    @overload
    def __call__(
        self,
        source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Picture,
        *,
        progress: Progress | None = None,
    ) -> Picture: ...
    @overload
    def __call__(self, source: NDArray[Any], *, progress: Progress | None = None) -> NDArray[Any]: ...
    @overload
    def __call__(self, source: PIL.Image.Image, *, progress: Progress | None = None) -> PIL.Image.Image: ...
    @overload
    def __call__(self, source: torch.Tensor, *, progress: Progress | None = None) -> torch.Tensor: ...
    @overload
    def __call__(self, source: list[Any] | tuple[Any, ...], *, progress: Progress | None = None) -> list[Any]: ...
    def __call__(self, source: Any, *, progress: Progress | None = None) -> Any:
        """Enlarge what is given, and give the same kind back.

        Args:
            source: an array `h w` (gray), `h w c` or `n h w c`, c = 1 (gray), 2 (gray, alpha), 3 (R, G, B) or 4 (R, G,
                B, alpha), uint8, uint16, or floats in [0, 1]; a PIL image; a torch tensor `c h w` or `n c h w` on any
                device, which gets no gradient; a list of such. A `Picture`, the path of a file, its bytes, or a file
                object gives a `Picture`, which has `save`. Of several pages or frames it is the first.
            progress: called after every tile of a picture with the tiles that are done and their number. An exception
                that it raises stops the work and reaches the caller.

        Returns:
            The same kind, new, `round(h * scale)` × `round(w * scale)`.

        Raises:
            PictureError: another kind, shape, dtype or range; or the file cannot be read.
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        with taken(source) as found:
            results = []
            for each in found.pictures:
                results.append(self.picture(decoded(each), progress=progress))
                if isinstance(each, OpenedPicture):
                    each.warn()
            return found.back(results)

    def map(self, sources: Iterable[Any], *, on_error: OnError | None = None) -> Generator[Any, None, None]:
        """Yield what calling this with each source gives, in order, while the next source is read and decoded.

        Args:
            sources: any kinds; they are taken one ahead of what was yielded.
            on_error: called with the source and the error of one that cannot be enlarged, which is then left out;
                without it the error is raised, and the others are not begun.

        Raises:
            UpresError: as calling this, of the first source that fails.
        """
        with Prefetch(_ahead(sources), 1) as ahead:
            for source, ready in ahead:
                try:
                    if isinstance(ready, UpresError):
                        raise ready
                    found, pictures = ready
                    made = found.back([self.picture(each) for each in pictures])
                except UpresError as error:
                    if on_error is None:
                        raise
                    on_error(source, error)
                    continue
                for each in found.pictures:
                    if isinstance(each, OpenedPicture):
                        each.warn()
                yield made

    async def call_async(self, source: Any, *, progress: Progress | None = None) -> Any:
        """Enlarge in a thread, as calling this does; other tasks run meanwhile, and cancelling stops within a tile.

        Raises:
            UpresError: as calling this.
        """
        import asyncio

        left = threading.Event()

        def watched(done: int, total: int) -> None:
            if left.is_set():
                raise CancelledError("the task was cancelled")
            if progress is not None:
                progress(done, total)

        try:
            return await asyncio.to_thread(self.__call__, source, progress=watched)
        finally:
            left.set()

    def picture(self, picture: Picture, *, progress: Progress | None = None) -> Picture:
        """Enlarge a picture; profile and metadata are carried over, and so is its size on paper.

        Raises:
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        return self.enlargement.picture(picture, progress=progress)

    def file(
        self,
        source: str | os.PathLike[str],
        output: str | os.PathLike[str],
        *,
        quality: int = 95,
        lossless: bool = False,
        max_pixels: int = MAX_PIXELS,
        max_frames: int = MAX_FRAMES,
        strict: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Enlarge a file into a file while it is read and written: neither picture is ever held whole.

        Of several pages or frames, one is held at a time.

        Args:
            source: a picture file.
            output: as in `upres.write`, which would make the same file of the same picture.
            quality, lossless: as in `upres.write`.
            max_pixels, strict: as in `upres.read`.
            max_frames: as in `upres.read_pages`.
            progress: as in `Upscaler`.

        Raises:
            PictureError: the source cannot be read, or the output not hold it; nothing was written.
            ModelError: the model does not do what its facts say.
            FailedError: a tile or the encoder failed; nothing was written.
        """
        settings = Settings(
            quality=quality, lossless=lossless, max_pixels=max_pixels, max_frames=max_frames, strict=strict
        )
        opened = settings.opened(os.fspath(source))
        enlarge(opened, settings.sink(os.fspath(output)), self.enlargement, progress=progress)
        opened.warn()


def _ahead(sources: Iterable[Any]) -> Iterator[tuple[Any, tuple[Taken, list[Picture]] | UpresError]]:
    """Yield each source with what it was taken apart into, decoded; or with what is wrong with it."""
    for source in sources:
        ready: tuple[Taken, list[Picture]] | UpresError
        try:
            with taken(source) as found:
                ready = found, [decoded(each) for each in found.pictures]
        except UpresError as error:
            ready = error
        yield source, ready
