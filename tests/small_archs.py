"""Large architectures with few channels and blocks, yet with all their kinds of parts: tested in seconds."""

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "compact": {"width": 8, "convs": 2},
    "dat": {"width": 64, "depths": (3, 1), "heads": 2, "window": (2, 4)},
    "edsr": {"width": 8, "blocks": 2},
    "fsrcnn": {"width": 12, "narrow": 6, "maps": 2},
    "hat": {"width": 8, "depths": (2,), "heads": 2, "window": 4, "compression": 2, "squeeze": 1},
    "omnisr": {"width": 16, "groups": 1, "window": 4},
    "plainusr": {"widths": (8, 6), "attention": 2},
    "realplksr": {"width": 8, "blocks": 1, "kernel": 5},
    "rlfn": {"width": 6, "attention": 4, "blocks": 1},
    "rrdb": {"width": 6, "growth": 4, "blocks": 1},
    "safmn": {"width": 8, "blocks": 1},
    "smfanet": {"width": 6, "blocks": 1},
    "span": {"width": 6, "blocks": 1},
    "srresnet": {"width": 8, "blocks": 2},
    "swinir": {"width": 8, "depths": (2,), "heads": 2, "window": 4},
    "unet": {"width": 4, "depth": 2},
}
