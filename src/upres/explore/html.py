"""An exploration as html: one file that shows everything without asking anyone for anything."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from upres.explore.pictures import FREQUENCIES
from upres.explore.summary import measured_text, sizes_text, spread
from upres.explore.survey import Exploration, Shown
from upres.html.drawings import areas, bars, histogram
from upres.html.embedding import picture_uri
from upres.html.page import page

_FOLDER = Path(__file__).parent
# Entries of a list before it is cut; the JSON has all.
_LISTED = 50
_SIZES = 8


def as_html(found: Exploration) -> str:
    """Return a document with every picture and chart inside it."""
    return page(
        _FOLDER / "exploration.html",
        title=f"upres explore: {_title(found)}",
        styles=[_FOLDER / "exploration.css"],
        heading=escape(_title(found)),
        description=escape(found.description),
        tiles="\n".join(_tiles(found)),
        sizes=_sizes(found),
        sizes_text=escape(sizes_text(found)),
        levels=areas(
            list(zip(("red", "green", "blue"), np.sqrt(found.levels), strict=True)),
            [(0, "0"), (0.25, "64"), (0.5, "128"), (0.75, "191"), (1, "255")],
            label="How often each level of red, green and blue occurs",
        ),
        channels=_channels(found),
        measured=_measured(found),
        sheet_note=escape(
            "their own low resolution" if found.paired else "low resolution by MATLAB bicubic, as training makes it"
        ),
        sheet="\n".join(_pair(shown, found.scale) for shown in found.sheet),
        duplicates=_duplicates(found),
        faults=_list(found.faults, "Every picture can be read, and fits."),
    )


def _title(found: Exploration) -> str:
    """Return the last name in where the pictures lie."""
    place = found.description.split(": ")[0].rstrip("/")
    return place.rsplit("/", 1)[-1] or place


def _tiles(found: Exploration) -> list[str]:
    unread = found.count - len(found.names)
    tiles = [_tile("Pictures", f"{found.count:,}", f"{unread:,} not usable" if unread else "all usable")]
    if found.measurements:
        psnr = found.values("psnr")
        tiles += [
            _tile(f"Bicubic ×{found.scale}", f"{psnr.mean():.2f}", f"dB, ± {spread(psnr):.2f} over pictures"),
            _tile("Lost to ×" + str(found.scale), f"{100 * found.lost:.2f} %", "of the variation is too fine for lr"),
            _tile("Sharpness", f"{found.values('sharpness').mean():.1f}", "levels, deviation of the Laplacian"),
        ]
    doubles = sum(map(len, found.same)) + sum(map(len, found.alike))
    tiles.append(_tile("Duplicates", f"{doubles:,}", "equal or looking alike", warn=bool(doubles)))
    tiles.append(_tile("Faults", f"{len(found.faults):,}", "unreadable or mis-paired", warn=bool(found.faults)))
    return tiles


def _tile(name: str, value: str, note: str, *, warn: bool = False) -> str:
    kind = ' class="warn"' if warn else ""
    return f"<div{kind}><dt>{escape(name)}</dt><dd>{escape(value)}</dd><p>{escape(note)}</p></div>"


def _sizes(found: Exploration) -> str:
    most = max(found.sizes.values())
    rows = []
    shown = list(found.sizes.items())[:_SIZES]
    for (height, width), count in shown:
        rows.append(
            f'<tr><th>{width} × {height}</th><td><svg class="meter" viewBox="0 0 100 1" preserveAspectRatio="none">'
            f'<rect width="{100 * count / most:.1f}" height="1"/></svg></td><td>{count:,}</td></tr>'
        )
    rest = sum(found.sizes.values()) - sum(count for _, count in shown)
    if rest:
        rows.append(f"<tr><th>other sizes</th><td></td><td>{rest:,}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _channels(found: Exploration) -> str:
    rows = "".join(
        f'<tr><th><i class="{name}"></i>{name}</th><td>{mean:.2f}</td><td>{deviation:.2f}</td>'
        f"<td>{mean / 255:.4f}</td><td>{deviation / 255:.4f}</td></tr>"
        for name, mean, deviation in zip(("red", "green", "blue"), found.means, found.deviations, strict=True)
    )
    note = f"<p>{found.gray:,} pictures are gray.</p>" if found.gray else ""
    return (
        '<table class="numbers"><tr><th></th><th>mean</th><th>deviation</th><th>mean ÷ 255</th><th>deviation ÷ 255</th>'
        f"</tr>{rows}</table>{note}"
    )


def _measured(found: Exploration) -> str:
    if not found.measurements:
        return '<section class="card wide"><p>Every picture is too small to be measured.</p></section>'
    shares = found.spectrum
    edge = FREQUENCIES // found.scale
    ticks = [(0.0, "0"), (edge / FREQUENCIES, f"×{found.scale} lr ends here"), (1.0, "½ cycle a pixel")]
    stands = f"Measured on {measured_text(found)}."
    return "\n".join(
        [
            _card(
                "Frequency content",
                bars(np.log10(shares + 1e-7) + 7, ticks, label="Share of the variation by frequency", marked=edge),
                f"Share of the variation in each band, logarithmic. What is coloured, {100 * found.lost:.2f} %, "
                f"is finer than lr pixels can hold: it is what a network has to make up. {stands}",
            ),
            _card(
                "Sharpness",
                histogram(found.values("sharpness"), "", digits=1, label="Sharpness of the pictures"),
                f"Deviation of the Laplacian, in levels, picture by picture; blur lowers it, noise raises it. {stands}",
            ),
            _card(
                f"Bicubic ×{found.scale}",
                histogram(found.values("psnr"), " dB", digits=1, label="PSNR of bicubic"),
                f"PSNR of plain bicubic enlargement, luma, border {found.scale}, picture by picture; mean SSIM "
                f"{found.values('ssim').mean():.4f}. A network has to be better than this. {stands}",
            ),
        ]
    )


def _card(title: str, chart: str, note: str) -> str:
    return f'<section class="card"><h2>{escape(title)}</h2>{chart}<p>{escape(note)}</p></section>'


def _pair(shown: Shown, scale: int) -> str:
    name = escape(shown.name)
    measured = shown.measurements
    lr = np.repeat(np.repeat(shown.lr, scale, axis=0), scale, axis=1)
    return (
        f'<figure><div class="pair"><img src="{picture_uri(lr)}" alt="low resolution of {name}">'
        f'<img src="{picture_uri(shown.hr)}" alt="{name}"></div><figcaption><b>{name}</b>'
        f"<span>bicubic {measured.psnr:.2f} dB, sharpness {measured.sharpness:.1f}</span></figcaption></figure>"
    )


def _duplicates(found: Exploration) -> str:
    equal = _list([" = ".join(group) for group in found.same], "No two pictures are equal in every pixel.")
    near = _list([" ~ ".join(group) for group in found.alike], "No two pictures look alike.")
    return f"<h3>Equal in every pixel</h3>{equal}<h3>Looking alike</h3>{near}"


def _list(items: Sequence[str], none: str) -> str:
    if not items:
        return f"<p>{escape(none)}</p>"
    rest = len(items) - _LISTED
    more = f"<li>… and {rest:,} more, in exploration.json</li>" if rest > 0 else ""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items[:_LISTED])}{more}</ul>"
