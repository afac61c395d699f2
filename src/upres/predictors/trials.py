"""One execution of a model beside another: how fast it is, how much worse, and what it leaves in smooth ground.

- **The photograph of the package** says what reduced precision costs: real texture at the model's own scale. What an
  execution gives is held to what float32 gives, and the difference added to the error that a good model has anyway.
- **A ramp and flat ground** say whether it can be seen: the eye forgives noise in leaves, not steps in a sky.
- **A drawn picture** with hard edges and noise, unlike any photograph, says whether float32 is float32.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upres.errors import UpresError
from upres.models.facts import Facts
from upres.predictors.base import Predictor
from upres.predictors.runtime import Execution

Opener = Callable[[Execution], Predictor]
Stopwatch = Callable[[Predictor, NDArray[np.float32]], float]

# As in upres.export.onnx: two float32 runtimes add the same products in another order.
_ROUNDING = 1e-4
# The PSNR that good models of a scale reach on Set5: errors of reduced precision add to a model's own, and
# weigh most where that is small. Beyond ×4 as ×4.
_MODEL_PSNR = {1: 40.0, 2: 38.2, 3: 34.6, 4: 32.4}
_SIDE = 96
_RUNS = 3
_SLOW = 0.5  # seconds of a first run above which it is the measurement
# Output pixels at the border of the smooth probe that are not looked at: padding is no smooth ground.
_BORDER = 16


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What reduced precision may cost.

    Attributes:
        loss: dB of luma PSNR on photographs.
        smooth: levels of 8 bits that smooth ground may be off, root mean square. Rounding to whole levels alone
            makes 0.29.
    """

    loss: float
    smooth: float

    def fault(self, loss: float, smooth: float) -> str:
        """Return what is too much, in words; empty when nothing is."""
        if not loss <= self.loss:
            return f"loses {loss:.3f} dB, and {self.loss:g} is the most"
        return "" if smooth <= self.smooth else f"is {smooth:.2f} levels off in smooth ground, {self.smooth:g} the most"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one execution did.

    Attributes:
        execution: of the model.
        seconds: for the drawn probe, the best of a few; infinite when it could not run.
        psnr: luma, dB from the reference on the photograph, both clipped to [0, 1]; infinite for float32.
        worst: largest difference on the drawn probe, in units of the pixel range, not clipped.
        smooth: root mean square of the difference on smooth ground, in levels of 8 bits; 0 for float32.
        error: why it could not run.
    """

    execution: Execution
    seconds: float = math.inf
    psnr: float = -math.inf
    worst: float = math.inf
    smooth: float = math.inf
    error: str = ""

    def fault(self, scale: int, tolerance: Tolerance) -> str:
        """Return why its pixels are not right, in words; empty when they are."""
        if self.error:
            return self.error
        if self.execution.precision == "fp32":
            allowed = f"only rounding ({_ROUNDING:.0e}) is allowed"
            return "" if self.worst <= _ROUNDING else f"differs by {self.worst:.1e} of the range, and {allowed}"
        return tolerance.fault(loss(self.psnr, scale), self.smooth)


def loss(near: float, scale: int) -> float:
    """Return what a precision so many dB from float32 costs a good model of a scale, in dB.

    A model's own mean squared error is 10^(-P/10); one that is independent of it adds to it.

    >>> round(loss(57.6, 2), 2), round(loss(51.8, 4), 2)
    (0.05, 0.05)
    """
    return 10 * math.log10(1 + 10 ** ((_MODEL_PSNR[min(scale, 4)] - near) / 10))


def drawn(channels: int, side: int = _SIDE) -> NDArray[np.float32]:
    """Return a probe, `1 c h w` in [0, 1]: a gradient, edges at many angles, texture, flat black and white."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:side, 0:side] / side
    gradient = 0.2 + 0.6 * (rows + columns) / 2
    star = np.arctan2(rows - 0.5, columns - 0.5) * 9 % (2 * np.pi) < np.pi
    inside = np.hypot(rows - 0.5, columns - 0.5) < 0.35
    base = np.where(inside, 0.15 + 0.7 * star, gradient)
    base[: side // 6, : side // 6], base[-side // 6 :, -side // 6 :] = 0, 1
    texture = rng.normal(0, 0.06, (channels, side, side)) * (columns > 0.5)
    tint = rng.uniform(0.8, 1, (channels, 1, 1))
    probe: NDArray[np.float32] = np.clip(base * tint + texture, 0, 1)[None].astype(np.float32)
    return probe


def smooth(channels: int, side: int = _SIDE) -> NDArray[np.float32]:
    """Return a probe, `1 c h w` in [0, 1]: a slanting ramp that ends in one flat tone."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    ramp = np.minimum(0.2 + 0.4 * (columns + 0.25 * rows), 0.5).astype(np.float32)
    return np.broadcast_to(ramp, (1, channels, side, side)).copy()


def nearness(reduced: Predictor, exact: Predictor) -> tuple[float, float]:
    """Return how far one execution of a model is from another.

    Returns:
        Luma dB on the photograph, infinite when equal; and root mean square of the difference on smooth ground, in
        levels of 8 bits.
    """
    facts = exact.facts
    photograph = _photograph(facts)
    ramp = smooth(facts.channels, _side(facts))
    pixels = [_clipped(predictor, photograph) for predictor in (reduced, exact)]
    off = (_clipped(reduced, ramp) - _clipped(exact, ramp))[:, :, _BORDER:-_BORDER, _BORDER:-_BORDER]
    return _luma_psnr(*pixels), float(np.sqrt(np.mean(off.astype(np.float64) ** 2))) * 255


def best_seconds(predictor: Predictor, lr: NDArray[np.float32]) -> float:
    """Return the least seconds of a few predictions; one is enough where it takes long."""
    best = math.inf
    for _ in range(_RUNS):
        began = time.perf_counter()
        predictor.predict(lr)
        best = min(best, time.perf_counter() - began)
        if best > _SLOW:
            break
    return best


def probe(
    tried: Sequence[Execution], opener: Opener, stopwatch: Stopwatch, *, alone: bool = False
) -> tuple[int, list[Trial]]:
    """Measure executions of a model; return the model's scale, and a trial for each.

    Args:
        tried: the executions; the first is what right pixels are.
        opener: opens the model in an execution.
        stopwatch: measures a predictor's seconds for an input.
        alone: whether nothing else may be taken instead of the last: where it cannot run, it says itself what it lacks.

    Raises:
        UpresError: the first cannot run, or the last, and it is `alone`.
    """
    reference = opener(tried[0])
    lr = drawn(reference.facts.channels, _side(reference.facts))
    expected = reference.predict(lr)
    trials = [Trial(tried[0], stopwatch(reference, lr), math.inf, 0.0, 0.0)]
    for execution in tried[1:]:
        try:
            trials.append(_trial(execution, opener(execution), lr, expected, reference, stopwatch))
        except UpresError as error:
            if alone:
                raise
            trials.append(Trial(execution, error=f"cannot run ({error})"))
    return reference.facts.scale, trials


def _trial(
    execution: Execution,
    predictor: Predictor,
    lr: NDArray[np.float32],
    expected: NDArray[np.float32],
    reference: Predictor,
    stopwatch: Stopwatch,
) -> Trial:
    sr = predictor.predict(lr)
    if not np.isfinite(sr).all():
        return Trial(execution, error="gives NaN or infinite pixels")
    worst = float(np.abs(sr - expected).max())
    near, off = (math.inf, 0.0) if execution.precision == "fp32" else nearness(predictor, reference)
    return Trial(execution, stopwatch(predictor, lr), near, worst, off)


def _side(facts: Facts) -> int:
    return -(-_SIDE // facts.multiple) * facts.multiple


def _photograph(facts: Facts) -> NDArray[np.float32]:
    from upres.image.sample import reduced_photograph  # libvips, where precision is traded for speed

    return reduced_photograph(_side(facts), facts.scale, facts.channels, facts.colour)[1]


def _clipped(predictor: Predictor, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    sr: NDArray[np.float32] = np.clip(predictor.predict(lr), 0, 1)
    return sr


def _luma_psnr(sr: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return how near one picture `1 c h w` is to another, as evaluations have it: of colours their luma."""
    from upres.image.colour import luma  # only what is traded for speed is measured so

    ours, theirs = (batch[0].transpose(1, 2, 0).astype(np.float64) for batch in (sr, expected))
    difference = luma(ours) - luma(theirs) if ours.shape[2] == 3 else (ours - theirs) * 255
    error = float(np.mean(difference**2))
    return 10 * math.log10(255**2 / error) if error else math.inf
