"""Votes of one or several raters: read from the files that blind pages save, checked, and counted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from upres.compare.blind_trials import Kind
from upres.compare.preference import bradley_terry, wilson_interval
from upres.config import config, parse
from upres.config.limits import MAX_VOTES_BYTES
from upres.errors import DataError, first_line
from upres.evaluation.text_tables import text_table

FORMAT = "upres votes 1"

Choice = Literal["left", "right", "none"]


@config
class Vote:
    """One answer.

    Attributes:
        picture: name of the file.
        region: of lr, as `x,y,width,height`.
        left, right: the methods.
        kind: an ordinary pair, its repeat, or one picture twice.
        choice: which was better, or none.
        reason: a few words of the rater's.
        seconds: until the vote.
    """

    picture: str
    region: str
    left: str
    right: str
    kind: Kind
    choice: Choice
    reason: str = ""
    seconds: float = 0.0

    @property
    def winner(self) -> str | None:
        """The method that was preferred, or `None`."""
        return {"left": self.left, "right": self.right, "none": None}[self.choice]

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """The view and the two methods, whatever their sides."""
        return self.picture, self.region, min(self.left, self.right), max(self.left, self.right)


@config
class Ballot:
    """What one rater said on one page.

    Attributes:
        format: of the file.
        page: what tells pages with other pictures apart.
        seed: of the order.
        methods: in the order of the page.
        rater: a name, or nothing.
        votes: in the order in which they were given.
    """

    format: Literal["upres votes 1"]
    page: str
    seed: int
    methods: tuple[str, ...]
    votes: tuple[Vote, ...]
    rater: str = ""

    @property
    def identical(self) -> tuple[int, int]:
        """How many identical pairs were called different, and how many there were."""
        shown = [vote for vote in self.votes if vote.kind == "identical"]
        return sum(vote.choice != "none" for vote in shown), len(shown)

    @property
    def repeats(self) -> tuple[int, int]:
        """How many repeats contradict the first time (the other one was better), and how many there were."""
        first = {vote.pair: vote.winner for vote in self.votes if vote.kind == "pair"}
        shown = [vote for vote in self.votes if vote.kind == "repeat"]
        contradicted = sum(
            None not in (vote.winner, first.get(vote.pair)) and vote.winner != first[vote.pair] for vote in shown
        )
        return contradicted, len(shown)

    @property
    def failure(self) -> str:
        """Why this rater's votes do not count; empty where they do.

        A rater fails who calls at least half of the identical pairs different, or contradicts more than half of the
        repeats. Who guesses always fails the first.
        """
        different, identical = self.identical
        contradicted, repeats = self.repeats
        if identical and 2 * different >= identical:
            return f"called {different} of {identical} identical pairs different"
        if 2 * contradicted > repeats:
            return f"contradicted {contradicted} of {repeats} repeats"
        return ""


@dataclass(frozen=True)
class PairCount:
    """Two methods: how often the first was preferred, how often the second, how often neither."""

    first: str
    second: str
    wins: int
    losses: int
    ties: int

    @property
    def decided(self) -> int:
        """Votes for one of the two."""
        return self.wins + self.losses

    @property
    def share(self) -> float | None:
        """Share of the first among the votes for one of the two."""
        return self.wins / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        return wilson_interval(self.wins, self.decided)


@dataclass(frozen=True)
class Tally:
    """All that was counted.

    Attributes:
        pairs: of methods, the better one first.
        scores: Bradley and Terry's, by method, the best first.
        raters: how many counted.
        left_out: names of those that did not, with the reason.
        reasons: the raters' words, each with its picture and what was preferred over what.
    """

    pairs: tuple[PairCount, ...]
    scores: Mapping[str, float]
    raters: int
    left_out: Mapping[str, str]
    reasons: tuple[str, ...] = ()

    @property
    def votes(self) -> int:
        """Votes that counted."""
        return sum(pair.decided + pair.ties for pair in self.pairs)


def read_ballot(path: str | Path) -> Ballot:
    """Read a file that a blind page saved.

    Raises:
        DataError: there is no such file, or it holds no votes.
        ConfigError: what is in it is not what pages write.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_VOTES_BYTES:
            raise DataError("is too large for votes; give the JSON that a page of upres compare saved", where=path)
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{error.strerror or first_line(error)}; give the JSON that a page of upres compare saved", where=path
        ) from None
    except (ValueError, RecursionError):
        raise DataError("is no JSON; give the file that a page of upres compare saved", where=path) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataError("holds no votes; give the JSON that a page of upres compare saved", where=path)
    ballot = parse(Ballot, found, where=str(path))
    unknown = {name for vote in ballot.votes for name in (vote.left, vote.right)} - set(ballot.methods)
    if unknown or not ballot.votes:
        what = f"votes on {min(unknown)!r}, which its page does not compare" if unknown else "holds no votes"
        raise DataError(f"{what}; save it from its page again", where=path)
    return ballot


def read_ballots(paths: Sequence[str | Path]) -> dict[str, Ballot]:
    """Read the files of several raters of one comparison.

    Returns:
        Their votes, by the rater's name, or the file's where that is empty or taken.

    Raises:
        DataError, ConfigError: as `read_ballot`; files of several comparisons, or the same votes twice.
    """
    if not paths:
        raise DataError("no votes given; give the JSON files that pages of upres compare saved")
    found: dict[str, Ballot] = {}
    first: tuple[str | Path, Ballot] | None = None
    for path in paths:
        ballot = read_ballot(path)
        if first is None:
            first = path, ballot
        elif ballot.page != first[1].page:
            raise DataError(f"is of another comparison than {first[0]}; count each on its own", where=path)
        if ballot in found.values():
            raise DataError("holds the same votes as a file before it; give each rater's once", where=path)
        name = ballot.rater.strip()
        found[name if name and name not in found else str(path)] = ballot
    return found


def tally(ballots: Mapping[str, Ballot]) -> Tally:
    """Count the votes of raters by their names; repeats and identical pairs check them, and count nothing themselves.

    Ties are half a vote for both on the Bradley-Terry scale, and stand apart in the pairs.
    """
    left_out = {name: ballot.failure for name, ballot in ballots.items() if ballot.failure}
    counted = [ballot for name, ballot in ballots.items() if name not in left_out]
    methods = list(dict.fromkeys(name for ballot in ballots.values() for name in ballot.methods))
    number = {name: index for index, name in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))
    ties = np.zeros_like(wins)
    reasons = []
    for vote in (vote for ballot in counted for vote in ballot.votes):
        left, right = number[vote.left], number[vote.right]
        if vote.kind == "pair":
            if vote.choice == "none":
                ties[left, right] += 1
                ties[right, left] += 1
            else:
                wins[(left, right) if vote.choice == "left" else (right, left)] += 1
        if vote.reason.strip() and vote.kind != "identical":
            reasons.append(f"{vote.picture}: {_said(vote)}: {vote.reason.strip()}")
    scores = bradley_terry(wins + ties / 2)
    order = sorted(np.flatnonzero(np.isfinite(scores)), key=lambda index: -scores[index])
    pairs = tuple(
        PairCount(methods[one], methods[other], int(wins[one, other]), int(wins[other, one]), int(ties[one, other]))
        for one, other in itertools.combinations(order, 2)
        if wins[one, other] + wins[other, one] + ties[one, other]
    )
    return Tally(
        pairs, {methods[index]: float(scores[index]) for index in order}, len(counted), left_out, tuple(reasons)
    )


def tally_text(counted: Tally) -> str:
    """Return the tables that `upres compare --votes` prints."""
    lines = [f"{_count(counted.raters, 'rater')}, {_count(counted.votes, 'vote')}"]
    lines += [f"left out: {name}: {reason}" for name, reason in counted.left_out.items()]
    if counted.pairs:
        rows = [
            (
                f"{pair.first} over {pair.second}",
                f"{pair.wins}",
                f"{pair.losses}",
                f"{pair.ties}",
                "–" if pair.share is None else f"{100 * pair.share:.0f} %",
                "{:.0f} to {:.0f} %".format(*(100 * end for end in pair.interval)),
            )
            for pair in counted.pairs
        ]
        header = ("pair", "wins", "losses", "no difference", "preferred", "95 % interval")
        lines += ["", text_table(header, rows), "", "preferred: of the votes for one of the two; interval: Wilson's"]
        scores = [(name, f"{score:+.2f}") for name, score in counted.scores.items()]
        lines += ["", text_table(("method", "score"), scores)]
        lines += ["", "score: Bradley-Terry; a difference of 1 is odds of 2.7 to 1, no difference counts half for both"]
    if counted.reasons:
        lines += ["", "in the raters' words:", *(f"  {reason}" for reason in counted.reasons)]
    return "\n".join(lines)


def _said(vote: Vote) -> str:
    if vote.winner is None:
        return f"{vote.left} = {vote.right}"
    return f"{vote.winner} over {vote.right if vote.winner == vote.left else vote.left}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
