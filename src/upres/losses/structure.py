"""The two factors of structural similarity as tensors, shared by SSIM and MS-SSIM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.errors import DataError
from upres.metrics.ssim import GAUSSIAN, K1, K2, WINDOW


def structure(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
    """Return luminance l and contrast-structure cs at each position where the 11×11 window fits.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", TIP 2004: equation 6 and the product of 9 and 10 with C3 = C2 / 2; SSIM is their product.
    Weights and constants are those of `upres.metrics.ssim`.

    Args:
        sr, hr: `n c h w` in [0, 1].

    Returns:
        Two tensors `n c h-10 w-10`.

    Raises:
        DataError: the pictures are smaller than the window.
    """
    height, width = sr.shape[2:]
    if min(height, width) < WINDOW:
        raise DataError(
            f"ssim: training pictures of {width}×{height} are smaller than its {WINDOW}×{WINDOW} window; "
            "raise data.patch"
        )
    c1, c2 = K1**2, K2**2
    # Variances are small differences of large numbers: bfloat16 would leave nothing of them.
    with torch.autocast(sr.device.type, enabled=False):
        sr, hr = (x if x.dtype == torch.float64 else x.float() for x in (sr, hr))
        moments = torch.cat((sr, hr, sr * sr, hr * hr, sr * hr), dim=1)
        mean_sr, mean_hr, square_sr, square_hr, product = _blurred(moments).chunk(5, dim=1)
        luminance = (2 * mean_sr * mean_hr + c1) / (mean_sr**2 + mean_hr**2 + c1)
        variances = square_sr - mean_sr**2 + square_hr - mean_hr**2
        return luminance, (2 * (product - mean_sr * mean_hr) + c2) / (variances + c2)


def _blurred(values: Tensor) -> Tensor:
    channels = values.shape[1]
    kernel = torch.as_tensor(GAUSSIAN, dtype=values.dtype, device=values.device).repeat(channels, 1)
    tall = F.conv2d(values, kernel[:, None, :, None], groups=channels)
    return F.conv2d(tall, kernel[:, None, None, :], groups=channels)
