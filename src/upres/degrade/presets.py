"""Chains that have a name. A recipe that asks for one keeps its steps, so that it stays what it was."""

from __future__ import annotations

from typing import Any

# What people really have: a photograph that a camera or a program made smaller, perhaps a little soft, noisy or resized
# once more, saved as JPEG once or twice. All of it happens at about the size of lr, where it also costs least.
# Half of the pictures are soft by nothing but their reduction: a network that never meets a sharp one smooths all.
PHOTO: tuple[dict[str, Any], ...] = (
    {"name": "resize", "filters": {"bicubic": 0.7, "area": 0.15, "bilinear": 0.15}},
    {
        "name": "blur",
        "side": 7,
        "sigma": (0.3, 1.0),
        "kinds": {"isotropic": 0.6, "anisotropic": 0.3, "sinc": 0.1},
        "cutoff": (0.6, 1.0),
        "probability": 0.3,
    },
    {"name": "noise", "gaussian": (0.5, 5.0), "poisson": (1.0, 10.0), "gray_share": 0.4, "probability": 0.4},
    {"name": "jpeg", "quality": (70, 98), "probability": 0.3},
    {"name": "resize", "factor": (0.8, 1.25), "of": "lr", "probability": 0.3},
    {"name": "resize"},
    {
        "name": "jpeg",
        "quality": (50, 97),
        "subsampling": {"4:2:0": 0.6, "4:2:2": 0.1, "4:4:4": 0.3},
        "probability": 0.85,
    },
)

# Wang et al., "Real-ESRGAN", ICCVW 2021: the degradation twice, then sinc and JPEG in either order. Here the size
# of a kernel is fixed and a batch is resized alike (theirs is too); its last resizing comes before both.
REAL_ESRGAN: tuple[dict[str, Any], ...] = (
    {"name": "blur"},
    {"name": "resize", "factor": (0.15, 1.5), "of": "current"},
    {"name": "noise", "gaussian": (1.0, 30.0), "poisson": (0.8, 16.0), "gray_share": 0.4},
    {"name": "jpeg", "quality": (30, 95)},
    {"name": "blur", "sigma": (0.2, 1.5), "probability": 0.8},
    {"name": "resize", "factor": (0.3, 1.2), "of": "current"},
    {"name": "noise", "gaussian": (1.0, 25.0), "poisson": (0.8, 13.0), "gray_share": 0.4},
    {"name": "resize"},
    {
        "name": "shuffle",
        "steps": (
            {"name": "blur", "kinds": {"sinc": 1.0}, "probability": 0.8},
            {"name": "jpeg", "quality": (30, 95)},
        ),
    },
)

# Zhang et al., "Designing a practical degradation model", ICCV 2021: two blurs, two resizings, noise and JPEG in
# any order, and JPEG at the end. Its simulated camera pipeline is left out.
BSRGAN: tuple[dict[str, Any], ...] = (
    {
        "name": "shuffle",
        "steps": (
            {"name": "blur", "kinds": {"isotropic": 1.0}, "sigma": (0.1, 2.8)},
            {"name": "blur", "kinds": {"anisotropic": 1.0}, "sigma": (0.5, 6.0)},
            {"name": "resize", "factor": (0.5, 1.0), "of": "current", "probability": 0.75},
            {"name": "resize", "of": "lr"},
            {"name": "noise", "gaussian": (1.0, 25.0), "poisson": (1.0, 25.0), "poisson_share": 0.1},
            {"name": "jpeg", "quality": (30, 95), "probability": 0.9},
        ),
    },
    {"name": "jpeg", "quality": (30, 95)},
)

PRESETS: dict[str, tuple[dict[str, Any], ...]] = {
    "bsrgan": BSRGAN,
    "photo": PHOTO,
    "real-esrgan": REAL_ESRGAN,
}
