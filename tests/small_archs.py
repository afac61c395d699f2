"""Large architectures with few channels and blocks, yet with all their kinds of parts: tested in seconds."""

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "edsr": {"width": 8, "blocks": 2},
    "fsrcnn": {"width": 12, "narrow": 6, "maps": 2},
    "rrdb": {"width": 6, "growth": 4, "blocks": 1},
    "srresnet": {"width": 8, "blocks": 2},
    "unet": {"width": 4, "depth": 2},
}
