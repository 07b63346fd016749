from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from headstart.transferability._seen import Seen
from headstart.transferability.nce import Nce
from transferability.planted import seen


def made(decided: list[int], labels: list[int]) -> Seen:
    source = np.eye(max(decided) + 1)[decided] * 0.5 + 0.5 / (max(decided) + 1)
    return Seen(np.zeros((len(labels), 1)), np.array(labels), source=source)


def test_four_rows_by_hand() -> None:
    # Of the rows of source class 0 one is of each class, which leaves log 2; those of class 1 leave nothing.
    assert Nce().score(made([0, 0, 1, 1], [0, 1, 1, 1])) == pytest.approx(-math.log(2) / 2)


def test_it_is_the_mutual_information_less_the_entropy_of_the_classes() -> None:
    given = seen()
    assert given.source is not None
    shares = np.bincount(given.labels) / len(given)
    entropy = -(shares * np.log(shares)).sum()
    shared = mutual_info_score(given.labels, given.source.argmax(axis=1))
    assert Nce().score(given) == pytest.approx(shared - entropy)


def test_a_source_that_decides_for_each_class_by_itself_leaves_nothing() -> None:
    assert Nce().score(made([2, 2, 0, 1], [0, 0, 1, 1])) == pytest.approx(0.0, abs=1e-12)


def test_source_classes_that_are_taken_together_never_tell_more() -> None:
    decided, labels = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 0]
    assert Nce().score(made([0, 0, 1, 1, 1, 1], labels)) < Nce().score(made(decided, labels))


def test_only_the_decision_counts_not_how_sure_it_is() -> None:
    given = seen()
    assert given.source is not None
    sharper = given.source**3 / (given.source**3).sum(axis=1, keepdims=True)
    assert Nce().score(Seen(given.features, given.labels, source=sharper)) == Nce().score(given)


def test_without_the_source_s_classifier_there_is_no_score() -> None:
    assert math.isnan(Nce().score(Seen(np.zeros((2, 1)), np.array([0, 1]))))
