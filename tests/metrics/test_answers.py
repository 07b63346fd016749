"""Answers are compared by SQuAD's rules; values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headstart.metrics._answers import best, exact, overlap, words_of
from headstart.metrics._find import load, value
from headstart.metrics._measured import Measured


def test_case_punctuation_articles_and_spaces_do_not_count() -> None:
    assert words_of(" The  U.S. Army's\tan-other, a theatre!") == ["us", "armys", "another", "theatre"]
    assert exact("The Normans", "normans.") == 1 and exact("a", "the") == 1 and exact("Norman", "Normans") == 0
    assert words_of("Ärzte, überall") == ["ärzte", "überall"]


@pytest.mark.parametrize(
    ("label", "answer", "wanted"),
    [
        ("the big red dog", "red dog", 2 * 1 * (2 / 3) / (1 + 2 / 3)),  # precision 1, recall 2 of 3
        ("new new york", "new york york", 2 / 3),  # each word as often as it is in both
        ("york", "paris", 0),
        ("", "paris", 0),
        ("paris", "", 0),
        ("", "", 1),
        ("the", "", 1),  # nothing is left of it
    ],
)
def test_the_f1_of_words(label: str, answer: str, wanted: float) -> None:
    assert overlap(label, answer) == pytest.approx(wanted)


def test_the_nearest_of_several_answers_counts_and_without_any_nothing_is_right() -> None:
    assert best(overlap, ("Rome", "city of Rome"), "the city of Rome") == 1
    assert best(exact, (), "") == 1 and best(exact, (), "Rome") == 0


def test_both_figures_are_means_over_rows() -> None:
    labels, answers = np.empty(4, dtype=object), np.empty(4, dtype=object)
    labels[:] = [("Rome", "city of Rome"), ("red dog", "x y z"), (), ("Bonn",)]
    answers[:] = ["City of Rome!", "a red cat", "", ""]
    found: Any = Measured("spans", ("answers",), labels, answers)
    assert value(load("exact_match"), found) == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert value(load("token_f1"), found) == pytest.approx((1 + 0.5 + 1 + 0) / 4)
