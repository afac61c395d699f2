"""`upres demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path("upres-demo"),
) -> None:
    """Enlarge the included photograph, measure it, and leave a page that shows before and after."""
    from upres.cli.terminal import say
    from upres.compare.demonstration import demonstrate
    from upres.evaluation.text_tables import text_table

    shown, written = demonstrate(output)
    (lr_height, lr_width), (height, width) = shown.lr.shape[:2], shown.hr.shape[:2]
    say(f"{lr_width}×{lr_height} → {width}×{height}, ×{shown.scale}; {shown.describe()}", "")
    rows = [(way.name, f"{way.psnr:.2f}", f"{way.ssim:.4f}", f"{way.seconds:.3f}") for way in shown.results]
    say(*text_table(("", "PSNR (dB)", "SSIM", "seconds"), rows).split("\n"))
    say("", *map(str, (written.lr, written.sr, written.html)), "", "Open the last one in a browser.")
