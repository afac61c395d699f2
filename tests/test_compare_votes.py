"""Blind votes: the design of the trials, what is counted, and whether the numbers are true of simulated raters."""

import dataclasses
import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import Command
from upres.compare.blind_trials import Trial, blind_trials
from upres.compare.preference import bradley_terry, wilson_interval
from upres.compare.votes import Ballot, PairCount, Vote, read_ballot, read_ballots, tally, tally_text
from upres.config import dump
from upres.config.limits import MAX_VOTES_BYTES
from upres.errors import ConfigError, DataError

METHODS = ("plain", "sharp", "soft")


@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 1000))
def test_every_pair_is_shown_once_and_checks_come_between(views: int, methods: int, seed: int) -> None:
    trials = blind_trials(views, methods, seed)
    pairs = [trial for trial in trials if trial.kind == "pair"]
    shown = Counter((trial.view, *sorted((trial.left, trial.right))) for trial in pairs)
    assert set(shown.values()) == {1}
    assert set(shown) == {(view, *pair) for view in range(views) for pair in itertools.combinations(range(methods), 2)}
    repeats = [trial for trial in trials if trial.kind == "repeat"]
    assert len(repeats) == min(max(1, len(pairs) - 1), max(2, round(len(pairs) / 8)))
    assert len(set(repeats)) == len(repeats)
    for trial in repeats:
        first = Trial(trial.view, trial.right, trial.left)
        assert trials.index(first) + 2 <= trials.index(trial)
    identical = [trial for trial in trials if trial.kind == "identical"]
    assert len(identical) == 1 + len(pairs) // 24
    assert all(trial.left == trial.right for trial in identical)
    assert len(trials) == len(pairs) + len(repeats) + len(identical)
    assert trials == blind_trials(views, methods, seed)


def test_order_and_sides_follow_from_the_seed() -> None:
    orders = [[(trial.view, trial.left, trial.right) for trial in blind_trials(20, 2, seed)] for seed in range(40)]
    assert len(set(map(tuple, orders))) == 40
    left = [trial.left for seed in range(40) for trial in blind_trials(20, 2, seed) if trial.kind == "pair"]
    assert 0.45 < np.mean(left) < 0.55  # 800 draws: a deviation is 0.018
    first = [next(trial.view for trial in blind_trials(20, 2, seed)) for seed in range(40)]
    assert len(set(first)) > 10


@pytest.mark.parametrize(
    ("wins", "count", "low", "high"),
    [
        # By hand: z² = 3.8415; (0.8 + 0.19207) / 1.38415 = 0.71674; ± 1.96 / 1.38415 · √(0.016 + 0.009604) = 0.22658.
        (8, 10, 0.49016, 0.94332),
        (0, 10, 0.0, 0.27753),  # z² / (n + z²)
        (10, 10, 0.72247, 1.0),
        (1, 1, 0.20655, 1.0),
        (50, 100, 0.40383, 0.59617),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_wilsons(wins: int, count: int, low: float, high: float) -> None:
    assert list(wilson_interval(wins, count)) == pytest.approx([low, high], abs=1e-4)


def test_the_interval_covers_the_truth() -> None:
    # The exact coverage: a sum over all outcomes, for many true shares. Wilson's is 95 % on average, not everywhere.
    for count in (10, 24, 60):
        intervals = [wilson_interval(wins, count) for wins in range(count + 1)]
        coverage = []
        for share in np.linspace(0.02, 0.98, 97):
            chance = [math.comb(count, wins) * share**wins * (1 - share) ** (count - wins) for wins in range(count + 1)]
            coverage.append(sum(c for c, (low, high) in zip(chance, intervals, strict=True) if low <= share <= high))
        assert 0.94 < np.mean(coverage) < 0.97
        assert min(coverage) > 0.83


def test_scores_are_those_of_the_formula() -> None:
    # Two methods: odds (6 + ½) : (2 + ½).
    one, other = bradley_terry([[0, 6], [2, 0]])
    assert one - other == pytest.approx(math.log(6.5 / 2.5))
    assert one + other == pytest.approx(0)
    # What the model itself would give, in expectation, is found again: the prior moves little of so many votes.
    true = np.array([1.0, 0.3, -0.4, -0.9])
    expected = 1e7 / (1 + np.exp(np.subtract.outer(true, true).T))
    np.fill_diagonal(expected, 0)
    assert np.allclose(bradley_terry(expected), true, atol=1e-5)
    # Winning all is finite, and what nobody compared has no score.
    won = bradley_terry([[0, 9, 0], [0, 0, 0], [0, 0, 0]])
    assert won[0] - won[1] == pytest.approx(math.log(19))
    assert math.isnan(won[2])
    assert np.isnan(bradley_terry(np.zeros((2, 2)))).all()


def ballot(*votes: Vote, rater: str = "", page: str = "abc", methods: tuple[str, ...] = METHODS) -> Ballot:
    return Ballot(format="upres votes 1", page=page, seed=0, methods=methods, votes=votes, rater=rater)


def vote(left: str, right: str, choice: Any, kind: Any = "pair", picture: str = "a.png", reason: str = "") -> Vote:
    return Vote(
        picture=picture, region="0,0,9,9", left=left, right=right, kind=kind, choice=choice, reason=reason, seconds=1.0
    )


SAME = vote("sharp", "sharp", "none", "identical")


def test_votes_are_counted_by_pair_whatever_their_sides() -> None:
    one = ballot(
        vote("plain", "sharp", "right", reason="finer hair"),
        vote("sharp", "plain", "left", picture="b.png"),
        vote("plain", "sharp", "left", picture="c.png"),
        vote("soft", "plain", "none"),
        vote("sharp", "plain", "left", "repeat"),  # as before, sides swapped: agrees, and is not counted
        SAME,
        rater="Ann",
    )
    counted = tally({"Ann": one})
    assert counted.pairs == (
        PairCount("sharp", "plain", wins=2, losses=1, ties=0),
        PairCount("soft", "plain", wins=0, losses=0, ties=1),
    ) or counted.pairs == (
        PairCount("sharp", "plain", wins=2, losses=1, ties=0),
        PairCount("plain", "soft", wins=0, losses=0, ties=1),
    )
    assert counted.votes == 4
    assert counted.reasons == ("a.png: sharp over plain: finer hair",)
    text = tally_text(counted)
    assert text.splitlines()[0] == "1 rater, 4 votes"
    assert text.splitlines()[3].split() == ["sharp", "over", "plain", "2", "1", "0", "67", "%", "21", "to", "94", "%"]
    assert "finer hair" in text


@pytest.mark.parametrize(
    ("votes", "failure"),
    [
        ([SAME], ""),
        ([vote("soft", "soft", "left", "identical")], "called 1 of 1 identical pairs different"),
        ([SAME, vote("soft", "soft", "left", "identical")], "called 1 of 2 identical pairs different"),
        ([SAME, SAME, vote("soft", "soft", "left", "identical")], ""),
        (
            # The same side both times: the sides were swapped, so it is the other method.
            [SAME, vote("plain", "sharp", "left"), vote("sharp", "plain", "left", "repeat")],
            "contradicted 1 of 1 repeats",
        ),
        ([SAME, vote("plain", "sharp", "left"), vote("sharp", "plain", "none", "repeat")], ""),
        (
            [
                SAME,
                vote("plain", "sharp", "left"),
                vote("plain", "soft", "left"),
                vote("sharp", "plain", "left", "repeat"),
                vote("soft", "plain", "right", "repeat"),
            ],
            "",  # one of two
        ),
    ],
)
def test_a_rater_who_does_not_look_is_found(votes: list[Vote], failure: str) -> None:
    assert ballot(*votes).failure == failure


def simulated(strengths: dict[str, float], views: int, seed: int, *, looks: bool = True, tie: float = 0.1) -> Ballot:
    """Let a rater vote by the Bradley-Terry model, or by tossing a coin."""
    draw = np.random.default_rng(seed)
    methods = tuple(strengths)
    votes = []
    for trial in blind_trials(views, len(methods), seed):
        left, right = methods[trial.left], methods[trial.right]
        chance = 1 / (1 + math.exp(strengths[right] - strengths[left])) if looks else 0.5
        tied = looks and (trial.kind == "identical" or draw.random() < tie)
        choice = "none" if tied else "left" if draw.random() < chance else "right"
        votes.append(vote(left, right, choice, trial.kind, f"{trial.view}.png"))
    return ballot(*votes, rater=f"rater {seed}", methods=methods)


def test_simulated_raters_give_the_true_order_and_guessers_are_left_out() -> None:
    strengths = {"worst": -1.2, "best": 1.2, "middle": 0.2, "low": -0.2}
    ballots = {f"rater {seed}": simulated(strengths, 12, seed) for seed in range(12)}
    guessers = {f"guesser {seed}": simulated(strengths, 12, seed, looks=False) for seed in range(100, 106)}
    counted = tally({**guessers, **ballots})
    assert set(guessers) <= set(counted.left_out)
    assert counted.raters >= 10  # who looks fails the repeats of close pairs now and then
    assert list(counted.scores) == ["best", "middle", "low", "worst"]
    for name, score in counted.scores.items():
        assert score == pytest.approx(strengths[name], abs=0.35)


def test_the_interval_of_simulated_votes_covers_the_truth() -> None:
    strengths = {"one": 0.35, "other": -0.35}
    truth = 1 / (1 + math.exp(-0.7))
    covered = []
    for seed in range(300):
        rater = simulated(strengths, 40, seed)
        wins = sum(vote.winner == "one" for vote in rater.votes if vote.kind == "pair")
        losses = sum(vote.winner == "other" for vote in rater.votes if vote.kind == "pair")
        low, high = wilson_interval(wins, wins + losses)
        covered.append(low <= truth <= high)
    assert 0.92 < np.mean(covered) < 0.98  # 300 runs: a deviation is 0.0126


def saved(path: Path, content: Ballot, **changes: Any) -> Path:
    path.write_text(json.dumps({**dump(content), **changes}), encoding="utf-8")
    return path


def test_files_are_read_back(tmp_path: Path) -> None:
    one = ballot(vote("plain", "sharp", "left", reason="crisp — schärfer"), SAME, rater="Ann")
    assert read_ballot(saved(tmp_path / "a.json", one)) == one
    other = dataclasses.replace(one, votes=one.votes[:1])
    unnamed = dataclasses.replace(other, rater="", seed=3)
    files = [tmp_path / "a.json", saved(tmp_path / "b.json", other), saved(tmp_path / "c.json", unnamed)]
    assert list(read_ballots(files)) == ["Ann", str(files[1]), str(files[2])]


def test_what_is_no_vote_is_refused(tmp_path: Path) -> None:
    good = ballot(vote("plain", "sharp", "left"), SAME)
    first = saved(tmp_path / "first.json", good)
    plain = dump(good)["votes"][0]
    with pytest.raises(DataError, match=r"b\.json: is of another comparison than .*first\.json"):
        read_ballots([first, saved(tmp_path / "b.json", dataclasses.replace(good, page="xyz"))])
    with pytest.raises(DataError, match=r"c\.json: holds the same votes as a file before it"):
        read_ballots([first, saved(tmp_path / "c.json", good)])
    with pytest.raises(DataError, match=r"d\.json: holds no votes; give the JSON"):
        read_ballot(saved(tmp_path / "d.json", good, format="upres votes 9"))
    with pytest.raises(ConfigError, match=r"e\.json: .*choice.*'both'"):
        read_ballot(saved(tmp_path / "e.json", good, votes=[{**plain, "choice": "both"}]))
    with pytest.raises(DataError, match=r"f\.json: votes on 'odd', which its page does not compare"):
        read_ballot(saved(tmp_path / "f.json", good, votes=[{**plain, "left": "odd"}]))
    with pytest.raises(DataError, match=r"g\.json: holds no votes; save it"):
        read_ballot(saved(tmp_path / "g.json", good, votes=[]))
    for name, content in (("deep", "[" * 100_000), ("text", "votes"), ("binary", "\0"), ("list", "[]")):
        (tmp_path / f"{name}.json").write_text(content)
        with pytest.raises(DataError, match=f"{name}\\.json: (is no JSON|holds no votes)"):
            read_ballot(tmp_path / f"{name}.json")
    with pytest.raises(DataError, match="no votes given"):
        read_ballots([])


def test_the_command_counts(command: Command, tmp_path: Path) -> None:
    good = saved(tmp_path / "a.json", ballot(vote("plain", "sharp", "right"), SAME, rater="Ann"))
    guess = saved(tmp_path / "b.json", ballot(vote("soft", "soft", "left", "identical"), rater="Bob\x1b[31m"))
    code, out, err = command("compare", "--votes", str(good), str(guess))
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:2] == ["1 rater, 1 vote", r"left out: Bob\x1b[31m: called 1 of 1 identical pairs different"]
    assert lines[3].split() == ["pair", "wins", "losses", "no", "difference", "preferred", "95", "%", "interval"]
    assert lines[4].split() == ["sharp", "over", "plain", "1", "0", "0", "100", "%", "21", "to", "100", "%"]
    code, out, _ = command("compare", "--votes", str(guess))
    assert out.splitlines() == ["0 raters, 0 votes", r"left out: Bob\x1b[31m: called 1 of 1 identical pairs different"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.json"
    with path.open("wb") as file:
        file.truncate(MAX_VOTES_BYTES + 1)
    with pytest.raises(DataError, match="is too large for votes"):
        read_ballot(path)
