from __future__ import annotations

import numpy as np
import pytest

from headstart.transferability._seen import Seen
from headstart.transferability.h_score import HScore
from transferability.planted import seen


def test_it_is_the_trace_of_the_definition() -> None:
    given = seen(rows=60, width=8)
    given = Seen(given.features[:-9], np.minimum(given.labels, np.arange(60) % 5)[:-9])  # classes of unequal size
    means = np.stack([given.features[given.classes == c].mean(axis=0) for c in given.classes])
    expected = np.trace(np.linalg.pinv(np.cov(given.features.T)) @ np.cov(means.T))
    assert HScore().score(given) == pytest.approx(expected, rel=1e-9)


def test_of_one_feature_it_is_the_share_of_variance_between_the_classes() -> None:
    # class means 1 and 5 about 3: variance 4 between them; 5 in all
    assert HScore().score(Seen(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1]))) == pytest.approx(0.8)


def test_classes_that_are_told_apart_without_an_error_reach_their_number_less_one() -> None:
    classes = np.arange(12) % 4
    assert HScore().score(Seen(np.eye(4)[classes], classes)) == pytest.approx(3.0)


def test_with_fewer_rows_than_columns_it_is_the_number_of_classes_less_one_whatever_the_features() -> None:
    assert HScore().score(seen(rows=30, width=64, shuffled=True)) == pytest.approx(2.0)


def test_an_invertible_map_of_the_features_changes_nothing() -> None:
    given = seen()
    mapped = given.features @ np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2) + 3
    assert HScore().score(Seen(mapped, given.labels)) == pytest.approx(HScore().score(given), rel=1e-6)
