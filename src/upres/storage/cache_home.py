"""Where upres keeps what it can make again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_home() -> Path:
    """Return the folder that caches live in: `UPRES_CACHE`, or upres below the user's cache folder."""
    if "UPRES_CACHE" in os.environ:
        return Path(os.environ["UPRES_CACHE"]).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser() / "upres" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "upres"
