"""A loaded model that enlarges arrays, pictures and files; colour, depth, alpha and metadata survive.

The file is not called upscale.py, because `upres.upscale` is the function: importing a module of that name
would put the module in its place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_FRAMES, MAX_MEMORY, MAX_PIXELS
from upres.errors import PictureError
from upres.image.picture import Picture
from upres.predictors import Predictor
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.pipeline import Settings, enlarge
from upres.upscaling.progress import Progress


def check_shape(pixels: NDArray[Any]) -> None:
    """Refuse an array that is no picture.

    Raises:
        PictureError: says which shapes are.
    """
    if 0 in pixels.shape or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4)):
        raise PictureError(
            f"pixels have shape {pixels.shape}; upres enlarges h w, or h w c with c = 1 (gray), "
            "2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha)"
        )


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

    def __call__(self, pixels: NDArray[Any], *, progress: Progress | None = None) -> NDArray[Any]:
        """Enlarge an array.

        Args:
            pixels: `h w` (gray) or `h w c`, c = 1 (gray), 2 (gray, alpha), 3 (R, G, B) or 4 (R, G, B, alpha);
                uint8, uint16, or float32 in [0, 1].
            progress: called after every tile with the tiles that are done and their number. An exception
                that it raises stops the work and reaches the caller.

        Returns:
            A new array of the same kind, `round(h * scale)` × `round(w * scale)`.

        Raises:
            PictureError: another shape, dtype or range.
            ModelError: the model does not do what its facts say.
            NonFiniteError: a tile became NaN or infinite; it is named.
        """
        check_shape(pixels)
        if pixels.ndim == 2:
            return self.picture(Picture(pixels[..., None]), progress=progress).pixels[..., 0]
        if pixels.shape[2] in (1, 3):
            return self.picture(Picture(pixels), progress=progress).pixels
        sr = self.picture(Picture(pixels[..., :-1], pixels[..., -1]), progress=progress)
        return np.dstack([sr.pixels, sr.alpha])  # type: ignore[list-item]

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
