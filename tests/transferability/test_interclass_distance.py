from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from headstart.transferability._seen import Seen
from headstart.transferability.interclass_distance import InterclassDistance
from transferability.planted import seen


def test_three_rows_on_a_line() -> None:
    # 6 and 4 between the classes, a mean of 5; 2, 4 and 6 between all rows, a mean of 4
    given = Seen(np.array([[0.0], [2.0], [6.0]]), np.array([0, 0, 1]))
    assert InterclassDistance().score(given) == pytest.approx(5 / 4)


def test_each_pair_of_classes_counts_alike() -> None:
    given = seen(rows=50)
    given = Seen(given.features[:-9], np.minimum(given.labels, np.arange(50) % 5)[:-9])  # classes of unequal size
    parts = [given.features[given.classes == c] for c in range(3)]
    assert len({len(part) for part in parts}) == 3
    between = [cdist(parts[a], parts[b]).mean() for a, b in ((0, 1), (0, 2), (1, 2))]
    expected = np.mean(between) / pdist(given.features).mean()
    assert InterclassDistance().score(given) == pytest.approx(expected, rel=1e-9)


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(7 * given.features @ turn + 3, given.labels)
    assert InterclassDistance().score(turned) == pytest.approx(InterclassDistance().score(given), rel=1e-9)
