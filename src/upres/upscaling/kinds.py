"""What people hold pictures in. Each kind is taken apart into pictures, and what was made of them has that kind again.

A file, bytes and file objects become a `Picture`, because nothing says where to write.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError, shown_as
from upres.image import OpenedPicture, Picture
from upres.storage.atomic import nameless_file

KINDS = "a path, bytes, a file object, a Picture, a NumPy array, a PIL image, a torch tensor, or a list of such"

_PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")


@dataclass(frozen=True)
class Taken:
    """A source, taken apart.

    Attributes:
        pictures: those in it, in order; files are opened and not yet decoded.
        back: makes the kind of the source of as many results.
    """

    pictures: Sequence[Picture | OpenedPicture]
    back: Callable[[Sequence[Picture]], Any]


@contextlib.contextmanager
def taken(source: Any, *, strict: bool = False) -> Iterator[Taken]:
    """Take a source apart; what its pictures are read from stays open for as long as the `with` lasts.

    Args:
        source: `KINDS`. Arrays are `h w`, `h w c` or `n h w c`; tensors are `c h w` or `n c h w`.
        strict: as in `OpenedPicture`.

    Raises:
        PictureError: none of these, or no picture.
    """
    with contextlib.ExitStack() as files:
        names: dict[str, str] = {}
        with shown_as(names):
            yield _taken(source, strict, files, names)


def _taken(source: Any, strict: bool, files: contextlib.ExitStack, names: dict[str, str]) -> Taken:
    if isinstance(source, Picture):
        return Taken([source], _first)
    if isinstance(source, list | tuple):
        return _of_list([_taken(each, strict, files, names) for each in source])
    # Who holds an image of PIL's or a tensor has loaded the library; who does not need not have it.
    pillow, torch = sys.modules.get("PIL.Image"), sys.modules.get("torch")
    if isinstance(source, np.ndarray):
        return _of_array(source)
    if pillow is not None and isinstance(source, pillow.Image):
        return _of_pil(source)
    if torch is not None and isinstance(source, torch.Tensor):
        return _of_tensor(source)
    path, shown = _file_of(source, files)
    if shown is not None:
        names[str(path)] = shown
    return Taken([OpenedPicture(path, max_frames=None, strict=strict, shown=shown)], _first)


def _file_of(source: Any, files: contextlib.ExitStack) -> tuple[str | Path, str | None]:
    """Return the path of a file with a source's bytes, and what to call it where that path says nothing."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source), None
    if isinstance(source, bytes | bytearray | memoryview):
        chunks, shown = iter([source]), "the bytes of a picture"
    elif callable(getattr(source, "read", None)):
        chunks, shown = _chunks(source), str(getattr(source, "name", "the file object"))
    else:
        raise PictureError(f"cannot enlarge a {type(source).__name__}; give {KINDS}")
    # Formats are read from their end as much as from their beginning, so what comes is put on disk first.
    path, file = files.enter_context(nameless_file())
    file.writelines(chunks)
    file.flush()
    return path, shown


def decoded(picture: Picture | OpenedPicture) -> Picture:
    """Return a picture in memory.

    Raises:
        PictureError: the data is damaged or cut short.
    """
    return picture if isinstance(picture, Picture) else picture.picture()


def check_shape(pixels: NDArray[Any]) -> None:
    """Refuse an array that is no picture.

    Raises:
        PictureError: says which shapes are.
    """
    if 0 not in pixels.shape and (pixels.ndim == 2 or (pixels.ndim in (3, 4) and pixels.shape[-1] in (1, 2, 3, 4))):
        return
    hint = ""
    if pixels.ndim in (3, 4) and pixels.shape[-3] in (1, 3, 4):
        hint = "; where channels come first, numpy.moveaxis(pixels, -3, -1) puts them last"
    raise PictureError(
        f"pixels have shape {pixels.shape}; upres enlarges h w, or h w c with c = 1 (gray), "
        f"2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha), or n h w c{hint}"
    )


def _of_array(pixels: NDArray[Any]) -> Taken:
    check_shape(pixels)
    if pixels.ndim == 4:
        return _of_list([_of_array(each) for each in pixels], np.stack)
    own = pixels.dtype
    if own.kind == "f" and own != np.float32:  # pictures have float32
        pixels = pixels.astype(np.float32)
    samples = pixels[..., None] if pixels.ndim == 2 else pixels
    clear = samples.shape[2] in (2, 4)
    picture = Picture(samples[..., :-1], samples[..., -1]) if clear else Picture(samples)

    def back(results: Sequence[Picture]) -> NDArray[Any]:
        made = results[0].samples
        return (made[..., 0] if pixels.ndim == 2 else made).astype(own, copy=False)

    return Taken([picture], back)


def _of_list(parts: Sequence[Taken], join: Callable[[list[Any]], Any] = list) -> Taken:
    def back(results: Sequence[Picture]) -> Any:
        each, rest = [], list(results)
        for part in parts:
            each.append(part.back(rest[: len(part.pictures)]))
            rest = rest[len(part.pictures) :]
        return join(each)

    return Taken([picture for part in parts for picture in part.pictures], back)


def _of_pil(image: Any) -> Taken:
    from PIL import Image

    if image.mode not in _PIL_MODES:
        raise PictureError(
            f'a PIL image of mode {image.mode}; upres enlarges {", ".join(_PIL_MODES)}; use image.convert("RGB")'
        )
    array = _of_array(np.asarray(image))

    def back(results: Sequence[Picture]) -> Any:
        made = Image.fromarray(array.back(results))
        made.info = {key: image.info[key] for key in ("icc_profile", "exif") if key in image.info}
        return made

    return Taken(array.pictures, back)


def _of_tensor(tensor: Any) -> Taken:
    """Take a tensor `c h w` or `n c h w`; what comes back lies on its device and has its dtype, and no gradient."""
    import torch

    if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 2, 3, 4):
        last = tensor.ndim in (3, 4) and tensor.shape[-1] in (1, 2, 3, 4)
        hint = "; tensor.movedim(-1, -3) puts the channels there" if last else ""
        raise PictureError(
            f"a tensor of shape {tuple(tensor.shape)}; upres enlarges c h w, or n c h w, c = 1 to 4{hint}"
        )
    here = tensor.detach().cpu()
    array = _of_array((here.float() if here.is_floating_point() else here).movedim(-3, -1).numpy())

    def back(results: Sequence[Picture]) -> Any:
        return torch.from_numpy(array.back(results)).movedim(-1, -3).contiguous().to(tensor.device, tensor.dtype)

    return Taken(array.pictures, back)


def _first(results: Sequence[Picture]) -> Picture:
    return results[0]


def _chunks(file: Any) -> Iterator[bytes | bytearray | memoryview]:
    while chunk := file.read(1 << 20):
        if not isinstance(chunk, bytes):
            raise PictureError("the file object gives text; open it in binary mode: open(path, 'rb')")
        yield chunk
