"""Which model a picture gets when nobody names one."""

from __future__ import annotations

from upres.models.shipped import DEFAULT, shipped

# Trained on what lossy formats do to photographs; the choice of it begins when its files are put here.
PHOTO = "base-photo"


LOSSY = ("JPEG", "WebP")


def default_for(form: str | None) -> str:
    """Return the model for a picture of which nobody said more than the format of its file (`Header.format`)."""
    ships = any(model.name == PHOTO for model in shipped())
    return PHOTO if form in LOSSY and ships else DEFAULT
