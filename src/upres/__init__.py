"""upres makes small pictures large. `import upres` loads nothing heavy; each name is fetched on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upres.errors import DamagedPictureWarning, UpresError

if TYPE_CHECKING:
    from upres.image import Picture, imresize, read, write
    from upres.upscaling.api import upscale
    from upres.upscaling.loading import load
    from upres.upscaling.upscaler import Upscaler

__version__ = "0.1.0"

__all__ = [
    "DamagedPictureWarning",
    "Picture",
    "UpresError",
    "Upscaler",
    "__version__",
    "imresize",
    "load",
    "read",
    "upscale",
    "write",
]

_HOMES = {
    "Picture": "upres.image",
    "imresize": "upres.image",
    "read": "upres.image",
    "write": "upres.image",
    "Upscaler": "upres.upscaling.upscaler",
    "load": "upres.upscaling.loading",
    "upscale": "upres.upscaling.api",
}


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'upres' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
