from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from headstart.transferability._seen import Seen
from headstart.transferability.leep import Leep
from headstart.transferability.n_leep import NLeep
from transferability.planted import seen

ROWS = 12  # of a cluster


def clusters(labels: np.ndarray, width: int = 8) -> Seen:
    """Ten clusters, each far from the others, in one direction; labels: of the rows, [10, ROWS]."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(10, ROWS, width)) * 1e-3
    features[..., 0] += 10 * np.arange(10)[:, None]
    return Seen(features.reshape(-1, width), labels.reshape(-1))


def test_clusters_of_one_class_each_tell_all() -> None:
    assert NLeep().score(clusters(np.repeat(np.arange(10) % 2, ROWS))) == pytest.approx(0, abs=1e-6)


def test_clusters_with_a_share_of_each_class_leave_its_entropy() -> None:
    """By hand: of each cluster three quarters are of its own class."""
    labels = np.tile(np.arange(ROWS) % 4 == 0, (10, 1)) ^ (np.arange(10) % 2 == 0)[:, None]
    assert NLeep().score(clusters(labels.astype(int))) == pytest.approx(
        0.75 * math.log(0.75) + 0.25 * math.log(0.25), abs=1e-6
    )


def test_it_is_leep_with_the_clusters_of_a_mixture() -> None:
    """The paper's definition, with a mixture of scikit-learn that starts by itself; both find the same clusters."""
    labels = np.random.default_rng(1).integers(2, size=(10, ROWS))
    given = clusters(labels)
    mixture = GaussianMixture(10, n_init=5, random_state=0, reg_covar=1e-3).fit(given.features[:, :1])
    same = Seen(given.features, given.labels, source=mixture.predict_proba(given.features[:, :1]))
    assert NLeep().score(given) == pytest.approx(Leep().score(same), abs=1e-6)


def test_components_are_kept_up_to_four_fifths_of_the_energy() -> None:
    """Only the second component tells the classes; it is needed where the first has three quarters of the energy."""
    places = np.repeat(np.arange(10), ROWS)
    for height, expected in ((8.0, 0.0), (6.0, -math.log(2))):  # beside 200, squares of 64 and 36
        features = np.random.default_rng(0).normal(size=(10 * ROWS, 4)) * 1e-3
        features[:, 0] += 10 * (places // 2)
        features[:, 1] += height * (places % 2 * 2 - 1)
        assert NLeep().score(Seen(features, places % 2)) == pytest.approx(expected, abs=1e-3)


def test_turned_moved_and_scaled_features_give_the_same() -> None:
    given = seen(width=12)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    moved = Seen(1000 * given.features @ turn + 3, given.labels)
    assert NLeep().score(moved) == pytest.approx(NLeep().score(given), rel=1e-5)


def test_features_that_do_not_vary_leave_the_entropy_of_the_classes() -> None:
    given = Seen(np.ones((30, 4)), np.arange(30) % 3)
    assert NLeep().score(given) == pytest.approx(-math.log(3))


def test_few_rows_are_one_cluster_and_nothing_is_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert NLeep().score(seen(rows=6)) == pytest.approx(-math.log(3))
        assert NLeep().score(seen(rows=400, width=100)) == pytest.approx(0, abs=1e-6)
