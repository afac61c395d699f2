"""JPEG on the device, a whole batch at once, each picture with a quality of its own.

What a file would do is done here without the file: libjpeg's colour conversion, chroma reduction, cosine
transform, quantisation, and back with its "fancy" chroma enlargement, rounding where it rounds. Entropy coding
loses nothing and is left out.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.step import Range, Step, check_probability, check_range
from upres.errors import nearest
from upres.image.codecs.jpeg import quantisation

# Vertical and horizontal reduction of chroma.
SUBSAMPLING = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}

# JFIF 1.02: Y, Cb and Cr of R, G and B, in libjpeg's units of 2⁻¹⁶. All sums of them are exact in float32.
_TO_YCC = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
# Halves round up in luma, and down in chroma.
_HALF = (32768, 32767, 32767)


@config
class JpegConfig:
    """Attributes:

    quality: limits of libjpeg's quality, 1 to 100.
    subsampling: weights of the chroma reductions, drawn once a batch.
    probability: that a picture is compressed.
    """

    quality: Range = (30.0, 95.0)
    subsampling: dict[str, float] = field(default_factory=lambda: {"4:2:0": 0.7, "4:4:4": 0.3})
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_probability("probability", self.probability)
        for name, weight in self.subsampling.items():
            if name not in SUBSAMPLING:
                raise ValueError(f"subsampling.{name} is unknown: {nearest(name, SUBSAMPLING)}")
            if weight < 0:
                raise ValueError(f"subsampling.{name} = {weight}: should not be negative")
        if not sum(self.subsampling.values()):
            raise ValueError(f"subsampling = {self.subsampling}: should give at least one a weight")


class Jpeg(Step):
    """Saved as JPEG, and opened again."""

    config_type = JpegConfig

    def __init__(self, config: JpegConfig) -> None:
        self._config = config

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Compress those pictures to which it happens; theirs are 8-bit levels afterwards."""
        config = self._config
        weights = np.array(list(config.subsampling.values()))
        subsampling = list(config.subsampling)[int(draws.shared.choice(len(weights), p=weights / weights.sum()))]
        quality = np.round(draws.between(config.quality)).astype(np.int64)
        happens = draws.happens(config.probability)
        if not happens.any():
            return x
        chosen = torch.from_numpy(happens.nonzero()[0])
        index = chosen.to(x.device)
        levels = x[index].clamp_(0, 1).mul_(255).add_(0.5).floor_()
        saved = jpeg(levels, torch.from_numpy(quality)[chosen], subsampling).div_(255)
        return x.index_copy(0, index, saved)


def jpeg(levels: Tensor, quality: Tensor, subsampling: str = "4:2:0") -> Tensor:
    """Return what libjpeg would give back of pictures that it saved.

    Args:
        levels: `n c h w`, whole numbers 0 to 255 as floats, c = 1 (gray) or 3 (RGB).
        quality: `n` whole numbers 1 to 100.
        subsampling: one of `SUBSAMPLING`.
    """
    luma_table, chroma_table = (
        torch.from_numpy(table).float().to(levels.device) for table in quantisation(quality.numpy())
    )
    if levels.shape[1] == 1:
        return _coded(levels, luma_table)
    matrix, half = (torch.tensor(values, device=levels.device).float() for values in (_TO_YCC, _HALF))
    ycc = torch.matmul(matrix, levels.flatten(2)).add_(half[:, None]).div_(65536).floor_().view_as(levels)
    luma = _coded(ycc[:, :1], luma_table)
    chroma = ycc[:, 1:] + 128
    down, across = factors = SUBSAMPLING[subsampling]
    height, width = levels.shape[-2:]
    if factors == (1, 1):
        chroma = _coded(chroma, chroma_table)
    else:
        chroma = _coded(_reduced(chroma, down, across), chroma_table)[..., : -(-width // across)]
        chroma = _enlarged(chroma, down)[..., :height, :width]
    cb, cr = (chroma - 128).unbind(1)
    y = luma[:, 0]
    red = y + (1.402 * cr + 0.5).floor_()
    green = y + (-0.344136286 * cb - 0.714136286 * cr + 0.5).floor_()
    blue = y + (1.772 * cb + 0.5).floor_()
    return torch.stack([red, green, blue], 1).clamp_(0, 255)


def _coded(planes: Tensor, table: Tensor) -> Tensor:
    """Transform, quantise and transform back each 8×8 block of `n c h w`; `table` is `n 64`.

    libjpeg's integer transform rounds to quarters between its passes, and a coefficient to eighths after them.
    """
    n, c, h, w = planes.shape
    wide = F.pad(planes, (0, -w % 8, 0, -h % 8), mode="replicate")
    bands, flat, split = (n, c, -1, 8, wide.shape[3]), (n, c, -1, 8), (n, c, -1, 8, wide.shape[3] // 8, 8)
    transform = _transform().to(planes.device)
    steps = 8 * table.view(n, 1, 1, 8, 1, 8)

    across = torch.matmul((wide - 128).view(flat), 4 * transform.T).add_(0.5).floor_()
    eighths = torch.matmul(transform, across.view(bands)).div_(4).add_(0.5).floor_().view(split)
    # Halves away from zero.
    kept = (eighths.abs().add_(steps / 2) / steps).floor_().copysign_(eighths) * (steps / 8)
    down = torch.matmul(4 * transform.T, kept.view(bands)).add_(0.5).floor_()
    back = torch.matmul(down.view(flat), transform / 32).add_(128.5).floor_().clamp_(0, 255)
    return back.view(wide.shape)[..., :h, :w]


def _reduced(chroma: Tensor, down: int, across: int) -> Tensor:
    """Average neighbours; halves are rounded down and up in turn, so that no level is favoured."""
    h, w = chroma.shape[-2:]
    # libjpeg fills up the last blocks' columns before it averages, and their rows afterwards (`_coded`).
    wide = F.pad(chroma, (0, -w % (8 * across), 0, -h % down), mode="replicate")
    total = torch.stack([wide[..., i::down, j::across] for i in range(down) for j in range(across)]).sum(0)
    bias = torch.arange(total.shape[-1], device=chroma.device) % 2 + (down - 1)
    return ((total + bias) / (down * across)).floor_()


def _enlarged(chroma: Tensor, down: int) -> Tensor:
    """Three parts of the nearer sample and one of the farther, across, and down where that was reduced too."""
    if down == 2:
        tall = F.pad(chroma, (0, 0, 1, 1), mode="replicate")
        pairs = [3 * chroma + tall[..., :-2, :], 3 * chroma + tall[..., 2:, :]]
        chroma = torch.stack(pairs, dim=-2).flatten(-3, -2)
    wide = F.pad(chroma, (1, 1, 0, 0), mode="replicate")
    left, right, parts = (8, 7, 16) if down == 2 else (1, 2, 4)
    pairs = [3 * chroma + wide[..., :-2] + left, 3 * chroma + wide[..., 2:] + right]
    return (torch.stack(pairs, dim=-1).flatten(-2) / parts).floor_()


@lru_cache(maxsize=1)
def _transform() -> Tensor:
    """Return libjpeg's cosine transform of 8 samples, `8 8`, times √8; its transpose is the inverse.

    The constants have 13 bits, as in libjpeg: with exact cosines every hundredth sample would differ. Loeffler,
    Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989, figure 1.
    """
    d = np.eye(8)
    (s0, s1, s2, s3), (m0, m1, m2, m3) = d[:4] + d[7:3:-1], d[:4] - d[7:3:-1]
    low, high = s1 - s2, s0 - s3
    shared = (low + high) * 4433
    z5 = (m0 + m1 + m2 + m3) * 9633
    z1, z2 = (m3 + m0) * -7373, (m2 + m1) * -20995
    z3, z4 = (m3 + m1) * -16069 + z5, (m2 + m0) * -3196 + z5
    rows = (
        (s0 + s3 + s1 + s2) * 8192,
        m0 * 12299 + z1 + z4,
        shared + high * 6270,
        m1 * 25172 + z2 + z3,
        (s0 + s3 - s1 - s2) * 8192,
        m2 * 16819 + z2 + z4,
        shared - low * 15137,
        m3 * 2446 + z1 + z3,
    )
    return torch.from_numpy((np.stack(rows) / 8192).astype(np.float32))
