"""What a rater is shown: every pair of methods on every view, in an order and on sides that follow from a seed.

Some pairs come twice with their sides swapped, and some trials show one picture twice: they tell whether a rater
looks. "No difference" may be said, as a forced guess tells less (arXiv 2305.00220); raters are checked before they are
counted (Perez-Ortiz and Mantiuk, arXiv 1712.03686).
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["pair", "repeat", "identical"]

# One repeat for so many pairs, at least two; one identical pair for so many, at least one.
_PAIRS_PER_REPEAT = 8
_PAIRS_PER_IDENTICAL = 24


@dataclass(frozen=True)
class Trial:
    """One question: which of two versions of a view is better; methods by their numbers."""

    view: int
    left: int
    right: int
    kind: Kind = "pair"


def blind_trials(views: int, methods: int, seed: int) -> list[Trial]:
    """Return the trials of a page, in order.

    Args:
        views: how many views there are.
        methods: how many methods, at least two.
        seed: the same one gives the same trials.
    """
    draw = random.Random(seed)
    pairs = []
    for view in range(views):
        for one, other in itertools.combinations(range(methods), 2):
            left, right = (one, other) if draw.random() < 0.5 else (other, one)
            pairs.append(Trial(view, left, right))
    draw.shuffle(pairs)
    # Something must lie between a pair and its repeat, or the answer is still in mind: so the last has none.
    again = pairs[:-1] or pairs
    repeated = draw.sample(again, min(len(again), max(2, round(len(pairs) / _PAIRS_PER_REPEAT))))
    trials = list(pairs)
    for _ in range(1 + len(pairs) // _PAIRS_PER_IDENTICAL):
        method = draw.randrange(methods)
        trials.insert(draw.randint(1, len(trials)), Trial(draw.randrange(views), method, method, "identical"))
    for trial in repeated:
        place = draw.randint(trials.index(trial) + 2, len(trials))
        trials.insert(place, Trial(trial.view, trial.right, trial.left, "repeat"))
    return trials
