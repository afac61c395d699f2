"""What was found, for a terminal and as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.explore.survey import Exploration

# Lines of a list before it is cut.
_SHOWN = 5


def summary(found: Exploration) -> str:
    """Return a screenful."""
    lines = [found.description, ""]
    rows = [
        ("pictures", _pictures(found)),
        ("sizes", sizes_text(found)),
        ("mean R G B", _three(found.means)),
        ("deviation", _three(found.deviations)),
    ]
    if found.measurements:
        rows += [
            ("sharpness", f"{_range(found.values('sharpness'), 1)} (deviation of the Laplacian)"),
            ("fine detail", f"{100 * found.lost:.2f} % of the variation is finer than ×{found.scale} pixels can hold"),
            (
                f"bicubic ×{found.scale}",
                f"{_range(found.values('psnr'), 2)} dB, SSIM {found.values('ssim').mean():.4f} "
                f"(luma, border {found.scale}; {'their own lr' if found.paired else 'lr by MATLAB bicubic'})",
            ),
            ("measured on", measured_text(found)),
        ]
    rows += [
        ("duplicates", f"{_groups(found.same)} equal in every pixel, {_groups(found.alike)} that look alike"),
        ("faults", f"{len(found.faults):,}" if found.faults else "none"),
    ]
    width = max(len(name) for name, _ in rows)
    lines += [f"{name.ljust(width)}  {text}" for name, text in rows]
    for title, items in (
        ("equal", [" = ".join(group) for group in found.same]),
        ("alike", [" ~ ".join(group) for group in found.alike]),
        ("fault", list(found.faults)),
    ):
        lines += [f"{title}: {item}" for item in items[:_SHOWN]]
        lines += [f"{title}: … and {len(items) - _SHOWN:,} more"] if len(items) > _SHOWN else []
    return "\n".join(lines)


def as_json(found: Exploration) -> dict[str, Any]:
    """Return everything but the pictures."""
    return {
        "data": found.description,
        "scale": found.scale,
        "pictures": found.count,
        "readable": len(found.names),
        "paired": found.paired,
        "gray": found.gray,
        "sizes": [{"width": width, "height": height, "pictures": n} for (height, width), n in found.sizes.items()],
        "mean": [round(float(value), 4) for value in found.means],
        "deviation": [round(float(value), 4) for value in found.deviations],
        "histogram": dict(zip(("red", "green", "blue"), found.levels.tolist(), strict=True)),
        "measured": len(found.measurements),
        "spectrum": [round(float(value), 8) for value in found.spectrum] if found.measurements else [],
        "finer_than_lr": found.lost if found.measurements else None,
        "bicubic": {
            "psnr": _mean_and_deviation(found.values("psnr")),
            "ssim": _mean_and_deviation(found.values("ssim")),
        }
        if found.measurements
        else None,
        "measurements": [
            {"picture": name, "sharpness": one.sharpness, "psnr": one.psnr, "ssim": one.ssim}
            for name, one in found.measurements
        ],
        "equal": [list(group) for group in found.same],
        "alike": [list(group) for group in found.alike],
        "faults": list(found.faults),
    }


def sizes_text(found: Exploration) -> str:
    """Return the sizes in words, from the smallest to the largest, with the commonest."""
    heights, widths = ([size[axis] for size in found.sizes] for axis in (0, 1))
    (height, width), most = next(iter(found.sizes.items()))
    if len(found.sizes) == 1:
        return f"{width}×{height}, all"
    return (
        f"{min(widths)} to {max(widths)} wide, {min(heights)} to {max(heights)} high; "
        f"{len(found.sizes):,} sizes, most often {width}×{height} ({most:,})"
    )


def spread(values: NDArray[np.float64]) -> float:
    """Return the sample standard deviation over pictures, as an evaluation does; 0 of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def measured_text(found: Exploration) -> str:
    """Return of how many pictures the measurements are."""
    if len(found.measurements) >= len(found.names):
        return "all pictures"
    return f"{len(found.measurements):,} of {len(found.names):,} pictures, evenly spaced"


def _pictures(found: Exploration) -> str:
    unread = found.count - len(found.names)
    notes = [f"{unread:,} not usable"] if unread else []
    notes += [f"{found.gray:,} gray"] if found.gray else []
    notes += ["with lr of their own"] if found.paired else []
    said = f" ({', '.join(notes)})" if notes else ""
    return f"{found.count:,}{said}"


def _three(values: NDArray[np.float64]) -> str:
    levels = "  ".join(f"{value:6.2f}" for value in values)
    return f"{levels}  of 255;  {'  '.join(f'{value / 255:.4f}' for value in values)}"


def _range(values: NDArray[np.float64], digits: int) -> str:
    mean, deviation, low, high = (f"{f(values):.{digits}f}" for f in (np.mean, spread, np.min, np.max))
    return f"{mean} ± {deviation}, {low} to {high}"


def _mean_and_deviation(values: NDArray[np.float64]) -> dict[str, float]:
    return {"mean": float(values.mean()), "deviation": spread(values)}


def _groups(groups: tuple[tuple[str, ...], ...]) -> str:
    if not groups:
        return "none"
    return f"{sum(map(len, groups)):,} in {len(groups):,} group{'s' if len(groups) > 1 else ''}"
