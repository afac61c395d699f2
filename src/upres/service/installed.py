"""Which models and formats this installation has, as the service tells them."""

from __future__ import annotations

from typing import Any

from upres.image.codecs.installation import abilities
from upres.models.corners import corners_of
from upres.models.shipped import BICUBIC, PURPOSES, shipped


def known_models() -> list[dict[str, Any]]:
    """Return what `GET /v1/models` tells, a mapping for each model and scale."""
    found = [
        {
            "name": model.name,
            "scale": model.scale,
            "parameters": model.facts.parameters,
            "licence": model.facts.licence,
            "scores": dict(model.facts.scores),
            "purpose": PURPOSES[model.name],
            "denoise": corners_of(model.path).compressed,
            "detail": bool(corners_of(model.path).detailed),
        }
        for model in shipped()
    ]
    return [
        *found,
        {
            "name": BICUBIC,
            "scale": None,
            "parameters": 0,
            "licence": None,
            "scores": {},
            "purpose": PURPOSES[BICUBIC],
            "denoise": False,
            "detail": False,
        },
    ]


def known_formats() -> list[dict[str, Any]]:
    """Return what `GET /v1/formats` tells, a mapping for each format."""
    return [
        {
            "format": ability.form.name,
            "suffixes": list(ability.form.suffixes),
            "read": ability.reads,
            "write": ability.writes,
            "alpha": ability.form.alpha,
            "frames": ability.form.frames,
            "pages": ability.form.pages,
            "lossless": ability.form.lossless,
            "lossy": ability.form.lossy,
            "bits": list(ability.form.depths),
            "largest_side": ability.form.most,
        }
        for ability in abilities()
    ]
