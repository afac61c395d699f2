"""From votes to numbers: intervals for shares, and a scale on which methods lie."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
_Z = 1.959963984540054  # the normal distribution's quantile of 0.975
_STEPS = 10_000
_STILL = 1e-12


def wilson_interval(wins: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share.

    Source: Wilson, Probable inference, J. Am. Stat. Assoc. 22 (1927); Brown, Cai and DasGupta, Interval estimation
    for a binomial proportion, Statistical Science 16 (2001), advise it for few trials.

    >>> [round(end, 4) for end in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    >>> wilson_interval(0, 0)
    (0.0, 1.0)
    """
    if not count:
        return 0.0, 1.0
    share, z2 = wins / count, _Z**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    # At the ends the formula gives 0 and 1 but for rounding.
    return (0.0 if wins == 0 else middle - half), (1.0 if wins == count else middle + half)


def bradley_terry(wins: ArrayLike) -> NDArray[np.float64]:
    """Return scores with which one method is preferred to another with odds exp(score - other score).

    To each pair that was compared half a vote for either side is added: a method that won or lost everything stays
    finite. The scores' mean is 0; a method that was compared with none has NaN.

    Source: Bradley and Terry, Biometrika 39 (1952); the iteration is Hunter's, MM algorithms for generalized
    Bradley-Terry models, Annals of Statistics 32 (2004), equation 3.

    Args:
        wins: `m m`: how often the row's method was preferred to the column's; a tie is half a win for both.

    >>> import numpy as np
    >>> scores = bradley_terry([[0, 2.5], [0.5, 0]])
    >>> round(float(np.exp(scores[0] - scores[1])), 6)
    3.0
    """
    won = np.array(wins, np.float64)
    compared = won + won.T > 0
    known = compared.any(axis=1)
    won += 0.5 * compared
    together, total = (won + won.T)[known][:, known], won.sum(axis=1)[known]
    strength = np.ones(len(total))
    for _ in range(_STEPS if len(total) else 0):
        following = total / (together / np.add.outer(strength, strength)).sum(axis=1)
        following /= np.exp(np.log(following).mean())
        moved = np.abs(np.log(following / strength)).max()
        strength = following
        if moved < _STILL:
            break
    scores = np.full(len(won), np.nan)
    scores[known] = np.log(strength)
    return scores
