from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.preprocessing import StandardScaler

from headstart.transferability._seen import Seen
from headstart.transferability.parc import PARC
from transferability.planted import seen


def expected(features: np.ndarray, labels: np.ndarray) -> float:
    places = np.triu_indices(len(features), 1)
    standard = StandardScaler().fit_transform(features)
    by_features, by_labels = (1 - np.corrcoef(rows).round(5)[places] for rows in (standard, labels))
    return float(spearmanr(by_features, by_labels).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def test_it_is_the_rank_correlation_of_the_distances_by_features_and_by_classes() -> None:
    given = seen(rows=50, signal=0.3)
    labels = np.eye(3)[given.labels]
    assert PARC().score(given) == pytest.approx(expected(given.features, labels), abs=1e-6)


def test_labels_of_which_a_row_may_have_several_are_compared_by_their_columns() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random((40, 5)) < 0.5).astype(np.float32)
    labels = labels[(labels.sum(axis=1) > 0) & (labels.sum(axis=1) < 5)]
    features = labels @ draw.normal(size=(5, 12)) + draw.normal(size=(len(labels), 12))
    assert PARC().score(Seen(features, labels, "labels")) == pytest.approx(expected(features, labels), abs=1e-6)


def test_rows_with_all_labels_or_none_are_like_their_equals_only() -> None:
    # rows 0 and 1 are equal in labels and near; both others are far from all
    features = np.array([[1.0, 2, 3, 4], [1, 2, 3, 5], [4, 1, 3, 1], [2, 5, 1, 3]])
    nothing = Seen(features, np.array([[0.0, 0], [0, 0], [1, 1], [1, 0]]), "labels")
    same = Seen(features, np.array([0, 0, 1, 2]))
    assert PARC().score(nothing) == pytest.approx(PARC().score(same))
    assert PARC().score(same) > 0


def test_the_size_and_place_of_each_feature_do_not_matter() -> None:
    given = seen()
    draw = np.random.default_rng(0)
    width = given.features.shape[1]
    scaled = given.features * draw.uniform(0.1, 9, width) + draw.normal(size=width)
    assert PARC().score(Seen(scaled, given.labels)) == pytest.approx(PARC().score(given), abs=1e-6)


def test_rows_that_are_equal_share_a_rank() -> None:
    # whichever of the equal rows comes first
    features = np.repeat(np.array([[1.0, 2, 3], [3, 1, 2], [2, 3, 3]]), 4, axis=0)
    classes = np.array([0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0])
    places = np.random.default_rng(0).permutation(12)
    assert PARC().score(Seen(features[places], classes[places])) == pytest.approx(PARC().score(Seen(features, classes)))
    assert PARC().score(Seen(features, classes)) == pytest.approx(expected(features, np.eye(2)[classes]))
