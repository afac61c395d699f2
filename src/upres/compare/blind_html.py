"""A comparison as html on which people vote: two versions at a time, without names until the last vote is given."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from html import escape

from upres.compare.blind_trials import blind_trials
from upres.compare.comparison import PAGE_BYTES, Comparison
from upres.compare.embedding import as_data, document, embedded


def blind_html(comparison: Comparison, *, seed: int = 0, page_bytes: int = PAGE_BYTES) -> tuple[str, Comparison, int]:
    """Return a document with every version inside it, losslessly; the comparison as it is shown there; and its trials.

    Two pages of the same pictures and methods have the same identity, whatever their seeds: their votes are counted
    together.

    Args:
        comparison: what is shown.
        seed: of the trials' order and sides.
        page_bytes: as in `comparison_html`.
    """
    comparison, addresses = embedded(comparison, page_bytes)
    scale, names = comparison.scale, [method.name for method in comparison.methods]
    views = [
        (picture, view, address.versions)
        for picture, found in zip(comparison.pictures, addresses, strict=True)
        for view, address in zip(picture.views, found, strict=True)
    ]
    trials = blind_trials(len(views), len(names), seed)
    # In an order that tells nothing: the first picture of each view is not always the first method.
    places = [(number, method) for number in range(len(views)) for method in range(len(names))]
    random.Random(f"images {seed}").shuffle(places)
    image = {place: index for index, place in enumerate(places)}
    secret = {
        "methods": names,
        "trials": [
            {
                "picture": views[trial.view][0].name,
                "region": views[trial.view][1].region.describe(),
                "left": trial.left,
                "right": trial.right,
                "kind": trial.kind,
            }
            for trial in trials
        ],
    }
    data = {
        "page": _identity(names, [(picture.name, versions) for picture, _, versions in views]),
        "seed": seed,
        "images": [views[number][2][method] for number, method in places],
        "trials": [
            {
                "left": image[trial.view, trial.left],
                "right": image[trial.view, trial.right],
                "width": views[trial.view][1].region.width * scale,
                "height": views[trial.view][1].region.height * scale,
                "clear": views[trial.view][1].lr.alpha is not None,
            }
            for trial in trials
        ],
        "secret": base64.b64encode(json.dumps(secret, ensure_ascii=False).encode()).decode(),
    }
    html = document(
        "blind",
        title="which is better?",
        count=len(trials),
        data=as_data(data),
        gather=escape("The files of several people are counted together by: upres compare --votes one.json other.json"),
    )
    return html, comparison, len(trials)


def _identity(names: list[str], views: list[tuple[str, tuple[str, ...]]]) -> str:
    """Return what tells pages with other pictures or methods apart."""
    return hashlib.sha256(json.dumps([names, views]).encode()).hexdigest()[:16]
