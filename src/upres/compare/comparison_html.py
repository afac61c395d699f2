"""A comparison as html: any two versions under a slider, all of them under a magnifier, and how they measure up."""

from __future__ import annotations

from html import escape

from upres.compare.comparison import PAGE_BYTES, ComparedPicture, Comparison, Measured, View
from upres.compare.embedding import EmbeddedView, document, embedded


def comparison_html(comparison: Comparison, *, page_bytes: int = PAGE_BYTES) -> tuple[str, Comparison]:
    """Return a document with every picture inside it, losslessly, and the comparison as it is shown there.

    Args:
        comparison: what is shown.
        page_bytes: regions that were chosen, and not asked for, are cut until their files are below this.
    """
    comparison, addresses = embedded(comparison, page_bytes)
    views = [
        _view(comparison, picture, view, address)
        for picture, found in zip(comparison.pictures, addresses, strict=True)
        for view, address in zip(picture.views, found, strict=True)
    ]
    first = comparison.pictures[0]
    alone = len(comparison.pictures) == 1
    title = first.name if alone else f"{len(comparison.pictures)} pictures"
    scale = comparison.scale
    heading = (
        f"<span>{first.width} × {first.height} in.</span> "
        f'<span class="out">{first.width * scale} × {first.height * scale} out.</span>'
        if alone
        else f'<span>{len(comparison.pictures)} pictures,</span> <span class="out">×{scale}.</span>'
    )
    html = document(
        "comparison",
        title=f"{title}, {', '.join(method.name for method in comparison.methods)}",
        heading=heading,
        views="\n".join(views),
        protocol=escape(_measured(comparison)),
        methods="\n".join(
            f"      <div><dt>{escape(method.name)}</dt><dd>{escape(method.note)}</dd></div>"
            for method in comparison.methods
        ),
        shown=escape(shown(comparison)),
    )
    return html, comparison


def shown(comparison: Comparison) -> str:
    """Return what of the pictures is shown, in a sentence."""
    parts = sum(not picture.whole for picture in comparison.pictures)
    if not parts:
        return "Every picture is shown whole." if len(comparison.pictures) > 1 else "The picture is shown whole."
    why = "so that the page stays small" if comparison.chosen else "as asked"
    what = "Regions of the picture are" if len(comparison.pictures) == 1 else f"Of {parts} pictures, regions are"
    return f"{what} shown, {why}."


def _measured(comparison: Comparison) -> str:
    """Return how the numbers came to be."""
    whole = comparison.protocol is not None or all(picture.whole for picture in comparison.pictures)
    seconds = f"Seconds: enlarging {'the whole picture' if whole else 'what is shown'}, one run on this computer."
    if comparison.protocol is None:
        return seconds
    said = comparison.protocol.describe()
    return f"PSNR and SSIM against the original, of the whole picture (higher is nearer): {said}. {seconds}"


def view_title(picture: ComparedPicture, view: View) -> str:
    """Return what a view is called: its file, and its region where not all of it is shown."""
    return picture.name if picture.whole else f"{picture.name} at {view.region.x}, {view.region.y}"


def _view(comparison: Comparison, picture: ComparedPicture, view: View, addresses: EmbeddedView) -> str:
    scale = comparison.scale
    width, height = view.region.width * scale, view.region.height * scale
    title = view_title(picture, view)
    facts = (
        f"{picture.name}: {picture.form}, {picture.width}×{picture.height}"
        f"{'' if picture.depth == 8 else f', {picture.depth} bits (shown in 8)'} → "
        f"{picture.width * scale}×{picture.height * scale}, ×{scale}"
    )
    if not picture.whole:
        region = view.region
        facts += f"; shown: {region.width}×{region.height} at {region.x}, {region.y} → {width}×{height}"
    versions = [_version("input", "every pixel repeated", addresses.lr, title, width, height, pixels=True)]
    versions += [
        _version(method.name, "", address, title, width, height, measured=measured)
        for method, address, measured in zip(comparison.methods, addresses.versions, picture.measured, strict=True)
    ]
    if addresses.original is not None:
        versions.append(
            _version("original", "what the picture was made from", addresses.original, title, width, height)
        )
    clear = " data-clear" if view.lr.alpha is not None else ""
    return (
        f'    <section class="view" data-title="{escape(title)}" data-facts="{escape(facts)}" data-width="{width}" '
        f'data-height="{height}" data-left="1" data-right="{len(comparison.methods)}"{clear}>\n'
        f"      <h3>{escape(facts)}</h3>\n" + "\n".join(versions) + "\n    </section>"
    )


def _version(
    name: str,
    note: str,
    address: str,
    title: str,
    width: int,
    height: int,
    *,
    measured: Measured | None = None,
    pixels: bool = False,
) -> str:
    label = escape(f"{title}, {name}")
    rows = "" if measured is None else f"<dl>{_rows(measured)}</dl>"
    said = f"<small>{escape(note)}</small>" if note else ""
    return (
        f'      <figure class="version" data-name="{escape(name)}"{" data-pixels" if pixels else ""}>'
        f'<button type="button" class="lens" aria-label="{label}: show it on the right">'
        f'<img src="{address}" alt="{label}" width="{width}" height="{height}"></button>'
        f"<figcaption><h4>{escape(name)}</h4>{said}{rows}</figcaption></figure>"
    )


def _rows(measured: Measured) -> str:
    rows = []
    if measured.psnr is not None and measured.ssim is not None:
        rows += [("PSNR", f"{measured.psnr:.2f} dB"), ("SSIM", f"{measured.ssim:.4f}")]
    if measured.seconds is not None:
        rows.append(("Seconds", seconds_text(measured.seconds)))
    return "".join(f"<div><dt>{term}</dt><dd>{escape(value)}</dd></div>" for term, value in rows)


def seconds_text(seconds: float | None) -> str:
    """Return seconds with two digits that mean something."""
    if seconds is None:
        return "–"
    return "< 0.01" if seconds < 0.01 else f"{seconds:.2f}" if seconds < 10 else f"{seconds:.0f}"
