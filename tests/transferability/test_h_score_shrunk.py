from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from headstart.transferability._seen import Seen
from headstart.transferability.h_score_shrunk import HScoreShrunk
from transferability.planted import seen


@pytest.mark.parametrize(("rows", "width"), [(60, 8), (30, 64), (90, 64)])
def test_it_is_the_trace_of_the_definition_with_the_shrinkage_of_ledoit_and_wolf(rows: int, width: int) -> None:
    given = seen(rows=rows, width=width, signal=0.5)
    covariance, shrinkage = ledoit_wolf(given.features)
    assert 0.01 < shrinkage < 0.99
    means = np.stack([given.features[given.classes == c].mean(axis=0) for c in given.classes])
    expected = np.trace(np.linalg.inv(covariance) @ ((1 - shrinkage) * np.cov(means.T, bias=True)))
    assert HScoreShrunk().score(given) == pytest.approx(expected, rel=1e-9)


def test_one_feature_is_not_shrunk() -> None:
    # as for the plain H-score: variance 4 between the class means, 5 in all
    given = Seen(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1]))
    assert HScoreShrunk().score(given) == pytest.approx(0.8)


def test_features_that_could_be_chance_alone_are_shrunk_to_nothing() -> None:
    # two rows that lie along an axis each: by chance any direction could be theirs
    given = Seen(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1.1]]), np.array([0, 1, 0, 1]))
    assert ledoit_wolf(given.features)[1] == 1.0
    assert HScoreShrunk().score(given) == 0.0


def test_few_rows_that_tell_the_classes_are_told_from_few_that_do_not() -> None:
    won = [
        HScoreShrunk().score(seen(rows=30, width=64, seed=s))
        > HScoreShrunk().score(seen(rows=30, width=64, seed=s, shuffled=True))
        for s in range(8)
    ]
    assert all(won)


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(7 * given.features @ turn + 3, given.labels)
    assert HScoreShrunk().score(turned) == pytest.approx(HScoreShrunk().score(given), rel=1e-9)
