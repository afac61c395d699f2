"""The before/after page: one file that shows everything without asking anyone for anything."""

from __future__ import annotations

import base64
import tempfile
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from numpy.typing import NDArray

from upres import __version__
from upres.compare.result import Demonstration, Result
from upres.image import Picture, write

_TEMPLATE = Path(__file__).parent / "page.html"
# The magnified detail: its size in pixels of the original, and where it begins (a twig before a branch).
_DETAIL = (80, 64)
_DETAIL_AT = (346, 160)


def compose(demonstration: Demonstration) -> str:
    """Return the page as HTML, with every picture inside it, losslessly."""
    height, width = demonstration.hr.shape[:2]
    lr_height, lr_width = demonstration.lr.shape[:2]
    nearest, bicubic, ours, facts = (
        demonstration.nearest,
        demonstration.bicubic,
        demonstration.ours,
        demonstration.facts,
    )
    pictures = {
        "lr": demonstration.lr,
        "nearest": nearest.pixels,
        "bicubic": bicubic.pixels,
        "ours": ours.pixels,
        "original": demonstration.hr,
    }
    figures = (
        _figure("nearest", nearest.name, "Every pixel repeated", nearest),
        _figure("bicubic", bicubic.name, "Drawn smoothly between pixels", bicubic),
        _figure("ours", ours.name, f"A network of {facts.parameters:,} parameters", ours),
        _figure("original", "original", "The photograph itself", None),
    )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        backgrounds="\n".join(f"  .{name} {{ background-image: url({_uri(p)}) }}" for name, p in pictures.items()),
        width=width,
        height=height,
        lr_width=lr_width,
        lr_height=lr_height,
        scale=demonstration.scale,
        times=demonstration.scale**2,
        zoom_x=f"{100 * width / _DETAIL[0]:g}%",
        zoom_y=f"{100 * height / _DETAIL[1]:g}%",
        detail_width=_DETAIL[0],
        detail_height=_DETAIL[1],
        share_x=f"{_DETAIL[0] / width:.6g}",
        share_y=f"{_DETAIL[1] / height:.6g}",
        at_x=f"{_DETAIL_AT[0] / (width - _DETAIL[0]):.4f}",
        at_y=f"{_DETAIL_AT[1] / (height - _DETAIL[1]):.4f}",
        name=escape(ours.name),
        gain=f"{ours.psnr - bicubic.psnr:+.2f}".replace("-", "−"),
        figures="\n".join(figures),
        protocol=escape(demonstration.protocol.describe()),
        runs=demonstration.runs,
        parameters=f"{facts.parameters:,}",
        trained_on=escape(facts.trained_on or "not stated"),
        licence=escape(facts.licence or "not stated"),
        version=escape(__version__),
    )


def _figure(kind: str, name: str, note: str, result: Result | None) -> str:
    label = escape(f"The photograph enlarged: {name}" if result else "The original photograph")
    values = (
        _values(
            ("PSNR", f"{result.psnr:.2f}", " dB"), ("SSIM", f"{result.ssim:.4f}", ""), ("Time", _seconds(result), " s")
        )
        if result
        else _values(("PSNR", "–", ""), ("SSIM", "–", ""), ("Time", "–", ""))
    )
    return f"""      <figure class="way is-{kind}">
        <div class="whole">
          <div class="picture {kind}" role="img" aria-label="{label}"></div>
          <div class="mark"></div>
        </div>
        <div class="detail {kind}" role="img" aria-label="{label}, a magnified detail"></div>
        <figcaption>
          <h3>{escape(name)}</h3>
          <p>{escape(note)}</p>
{values}
        </figcaption>
      </figure>"""


def _values(*values: tuple[str, str, str]) -> str:
    rows = (
        f"            <div><dt>{term}</dt><dd>{value}{f'<small>{unit}</small>' if unit else ''}</dd></div>"
        for term, value, unit in values
    )
    return "\n".join(["          <dl>", *rows, "          </dl>"])


def _seconds(result: Result) -> str:
    return f"{result.seconds:.3f}" if result.seconds >= 0.0005 else "&lt; 0.001"


def _uri(pixels: NDArray[Any]) -> str:
    """Return a picture as a data URI of lossless WebP, two thirds of the size of PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.webp"
        write(Picture(pixels), path, lossless=True)
        return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
