from __future__ import annotations

import math
from typing import Any

import pytest

from headstart.core.offer import Offer
from headstart.core.types import Score
from headstart.selection import halving
from headstart.selection.candidates import Candidate, Method
from headstart.selection.journal import Trial


def trial(number: int, expected: float | None, *, value: float = 0.8, noise: float = 0.0, **given: Any) -> Trial:
    candidate = Candidate(Offer("timm:x"), Method("full", 1.0))
    parts = [value + noise * (-1) ** place * (number + 1) for place in range(20)]
    score = Score("accuracy", value, True, None, tuple(parts)).to_plain()
    rung = {"step": 10, "score": score, "expected": expected, "seconds": 1.0, "over": False}
    return Trial(number, candidate, {}, 0, 1.0, [rung], **given)


def test_a_bracket_that_fits_gets_the_usual_length() -> None:
    assert halving.afford([10.0, 10.0], [20, 20], 1000) == (2, 1.0)


def test_fewer_candidates_of_a_sensible_length_go_before_more_that_are_short() -> None:
    count, length = halving.afford([100.0] * 6, [20] * 6, 130) or (0, 0)
    assert (count, round(length, 2)) == (3, 0.52)
    assert halving.spent([100.0] * 3) * length == pytest.approx(130)


def test_what_is_short_gets_passes_enough_and_else_one_gets_two() -> None:
    found = halving.afford([100.0] * 4, [30] * 4, 40)
    assert found is not None and found.count == 2 and found.length == pytest.approx(0.4 / 1.5)
    short = halving.afford([100.0] * 4, [10] * 4, 25)
    assert short is not None and short.count == 1 and short.length == pytest.approx(0.25)
    assert halving.afford([100.0] * 4, [10] * 4, 5) is None


def test_time_is_left_to_train_the_first_once_more() -> None:
    found = halving.afford([100.0], [30], 130, again=1.0)
    assert found is not None and found.length == pytest.approx(0.65)


def test_no_budget_takes_as_many_as_there_may_be() -> None:
    assert halving.afford([1e9] * 20, [20] * 20, math.inf) == (halving.MOST, 1.0)


def test_the_worse_half_ends_and_what_has_no_loss_is_worst() -> None:
    trials = [trial(0, 0.2), trial(1, None), trial(2, 0.4), trial(3, 0.1)]
    assert [each.number for each in halving.losers(trials, 0)] == [2, 1]


def test_the_first_ends_only_where_it_is_behind_by_more_than_noise() -> None:
    close = [trial(0, 0.9, value=0.80, noise=0.02), trial(1, 0.1, value=0.82, noise=0.02)]
    assert halving.losers(close, 0) == []
    far = [trial(0, 0.9, value=0.5, noise=0.001), trial(1, 0.1, value=0.82, noise=0.001)]
    assert halving.losers(far, 0) == [far[0]]


def test_many_trials_are_compared_more_often() -> None:
    assert halving.fractions(2) == (0.5, 1.0) and halving.fractions(8) == (0.25, 0.5, 1.0)
    assert [halving.survivors(8, rung) for rung in range(3)] == [8, 4, 2]
