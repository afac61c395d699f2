"""Which model a picture gets when nobody names one."""

from __future__ import annotations

from pathlib import Path

from upres.models.shipped import DEFAULT, PACKAGE, shipped

# Trained on what lossy formats do to photographs; the choice of it begins when its files are put here.
PHOTO = "base-photo"


LOSSY = ("JPEG", "WebP")


def default_for(form: str | None, folder: Path = PACKAGE) -> str:
    """Return the model for a picture of which nobody said more than the format of its file (`Header.format`).

    Args:
        form: the format's name, or `None` where the picture is of no file.
        folder: where the shipped models lie.
    """
    ships = any(model.name == PHOTO for model in shipped(folder))
    return PHOTO if form in LOSSY and ships else DEFAULT
