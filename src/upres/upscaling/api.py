"""`upres.upscale`: one picture of whatever kind in, the same kind out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack, overload

from numpy.typing import NDArray

from upres.config.limits import MAX_MEMORY
from upres.image import OpenedPicture, Picture
from upres.models.shipped import DEFAULT
from upres.upscaling.kinds import taken
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.progress import Progress
from upres.upscaling.sizes import Size

if TYPE_CHECKING:
    import PIL.Image
    import torch


class Wanted(Options, total=False):
    """What `upscale` takes besides the picture; its docstring says what each is."""

    scale: float | None
    width: int | None
    height: int | None
    fit: tuple[int, int] | None
    model: str | Path | None
    strict: bool
    progress: Progress | None


@overload
def upscale(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Picture, **wanted: Unpack[Wanted]
) -> Picture: ...
@overload
def upscale(source: NDArray[Any], **wanted: Unpack[Wanted]) -> NDArray[Any]: ...
@overload
def upscale(source: PIL.Image.Image, **wanted: Unpack[Wanted]) -> PIL.Image.Image: ...
@overload
def upscale(source: torch.Tensor, **wanted: Unpack[Wanted]) -> torch.Tensor: ...
@overload
def upscale(source: list[Any] | tuple[Any, ...], **wanted: Unpack[Wanted]) -> list[Any]: ...
def upscale(
    source: Any,
    *,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: tuple[int, int] | None = None,
    model: str | Path | None = None,
    denoise: float | None = None,
    detail: float | None = None,
    ensemble: bool = False,
    strict: bool = False,
    tile: int | None = None,
    halo: int | None = None,
    max_memory: int = MAX_MEMORY,
    threads: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "fp32",
    progress: Progress | None = None,
) -> Any:
    """Enlarge one picture. For several, `load` once and call the `Upscaler`; for files, use `Upscaler.file`.

    Args:
        source: the path of a picture file, its bytes, a file object or a `Picture` (a `Picture` is returned, which has
            `save`); an array, a PIL image or a torch tensor (the same kind is returned), or a list of such, as
            `Upscaler` takes them.
        scale, width, height, fit: how large, in one of these ways (`upres.upscaling.sizes.Size`); a picture
            that is larger already is reduced. By default the model's own scale, for the default model ×4.
        model: as in `load`; by default `base`.
        denoise, detail: as in `load`. Without `denoise` the place between the model's corners is chosen for each
            picture: by what its file says of how it was compressed, and by what an earlier JPEG left in 8-bit pixels.
        strict: refuse a file with odd data, of which otherwise a `DamagedPictureWarning` tells.
        ensemble, tile, halo, max_memory, threads, device, backend, precision: as in `load`.
        progress: as in `Upscaler`.

    Raises:
        PictureError: the picture cannot be read, or is of a kind that upres does not enlarge.
        ModelError, ConfigError, MissingExtraError: as `load`.
        NonFiniteError: a tile became NaN or infinite.
    """
    upscalers = Upscalers(
        DEFAULT if model is None else model,
        Size(scale, width, height, fit),
        tile=tile,
        halo=halo,
        max_memory=max_memory,
        ensemble=ensemble,
        threads=threads,
        device=device,
        backend=backend,
        precision=precision,
        denoise=denoise,
        detail=detail,
    )
    with taken(source, strict=strict) as found:
        results = []
        for each in found.pictures:
            if isinstance(each, OpenedPicture):
                # Before anything is decoded: what is wrong with model and options is told at once.
                upscaler = upscalers.for_opened(each, upscalers.position_for(each).position)
                picture = each.picture()
                each.warn()
            else:
                upscaler, picture = upscalers.for_pixels(each.pixels), each
            results.append(upscaler.picture(picture, progress=progress))
        return found.back(results)
