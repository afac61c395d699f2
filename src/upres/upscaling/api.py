"""`upres.upscale`: one picture of whatever kind in, the same kind out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image import OpenedPicture, Picture
from upres.models.shipped import DEFAULT
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.progress import Progress
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import check_shape

if TYPE_CHECKING:
    import PIL.Image


@overload
def upscale(
    source: str | os.PathLike[str] | Picture,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Picture: ...
@overload
def upscale(
    source: NDArray[Any],
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> NDArray[Any]: ...
@overload
def upscale(
    source: PIL.Image.Image,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> PIL.Image.Image: ...
def upscale(
    source: Any,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Any:
    """Enlarge one picture. For several, `load` once and call the `Upscaler`; for files, use `Upscaler.file`.

    Args:
        source: the path of a picture file or a `Picture` (a `Picture` is returned: `upres.write` saves it),
            an array (as `Upscaler` takes it; an array is returned), or a PIL image (one is returned).
        scale, width, height, fit: how large, in one of these ways (`upres.upscaling.sizes.Size`); a picture
            that is larger already is reduced. By default the model's own scale, for the default model ×4.
        model: as in `load`; by default `base`.
        strict: refuse a file with odd data, of which otherwise a `DamagedPictureWarning` tells.
        options: as in `load`. Without `denoise` the place between the model's corners is chosen for the picture: by
            what its file says of how it was compressed, and by what an earlier JPEG left in 8-bit pixels.
        progress: as in `Upscaler`.

    Raises:
        PictureError: the picture cannot be read, or is of a kind that upres does not enlarge.
        ModelError, ConfigError, MissingExtraError: as `load`.
        NonFiniteError: a tile became NaN or infinite.
    """
    upscalers = Upscalers(DEFAULT if model is None else model, Size(scale, width, height, fit), **options)
    if isinstance(source, str | os.PathLike):
        opened = OpenedPicture(os.fspath(source), max_frames=None, strict=strict)
        # Before anything is decoded: what is wrong with model and options is told at once.
        upscaler = upscalers.for_picture(*opened.shape.size, upscalers.position_for(opened).position)
        picture = opened.picture()
        opened.warn()
        return upscaler.picture(picture, progress=progress)
    if isinstance(source, Picture):
        return upscalers.for_pixels(source.pixels).picture(source, progress=progress)
    if isinstance(source, np.ndarray):
        check_shape(source)
        return upscalers.for_pixels(source)(source, progress=progress)
    # Who holds a PIL image has loaded PIL; who does not need not have it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _upscale_pil(upscalers, source, progress)
    raise PictureError(
        f"cannot enlarge a {type(source).__name__}; give a path, a Picture, a NumPy array or a PIL image"
    )


_PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")


def _upscale_pil(upscalers: Upscalers, image: PIL.Image.Image, progress: Progress | None) -> PIL.Image.Image:
    from PIL import Image

    if image.mode not in _PIL_MODES:
        raise PictureError(
            f'a PIL image of mode {image.mode}; upres enlarges {", ".join(_PIL_MODES)}; use image.convert("RGB")'
        )
    pixels = np.asarray(image)
    result = Image.fromarray(upscalers.for_pixels(pixels)(pixels, progress=progress))
    result.info = {key: image.info[key] for key in ("icc_profile", "exif") if key in image.info}
    return result
