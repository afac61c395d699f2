"""The demonstration as html: one file that shows everything without asking anyone for anything."""

from __future__ import annotations

from html import escape
from pathlib import Path

from upres.compare.result import Demonstration, Result
from upres.html.embedding import picture_uri
from upres.html.page import page

_FOLDER = Path(__file__).parent
# The magnified detail: its size in pixels of the original, and where it begins (a twig before a branch).
_DETAIL = (80, 64)
_DETAIL_AT = (346, 160)


def as_html(demonstration: Demonstration) -> str:
    """Return a document with every picture inside it, losslessly."""
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
    versions = (
        _version("nearest", nearest.name, "Every pixel repeated", nearest),
        _version("bicubic", bicubic.name, "Drawn smoothly between pixels", bicubic),
        _version("ours", ours.name, f"A network of {facts.parameters:,} parameters", ours),
        _version("original", "original", "The photograph itself", None),
    )
    return page(
        _FOLDER / "demonstration.html",
        title=f"upres: {lr_width} × {lr_height} in, {width} × {height} out",
        styles=[_FOLDER / "demonstration.css"],
        scripts=[_FOLDER / "demonstration.js"],
        backgrounds="\n".join(
            f"  .{name} {{ background-image: url({picture_uri(p)}) }}" for name, p in pictures.items()
        ),
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
        versions="\n".join(versions),
        protocol=escape(demonstration.protocol.describe()),
        runs=demonstration.runs,
        parameters=f"{facts.parameters:,}",
        trained_on=escape(facts.trained_on or "not stated"),
        licence=escape(facts.licence or "not stated"),
    )


def _version(kind: str, name: str, note: str, result: Result | None) -> str:
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
