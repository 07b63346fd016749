from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.transferability._seen import Seen
from headstart.transferability.transrate import TransRate
from transferability.planted import seen


def rate(rows: np.ndarray) -> float:
    return np.linalg.slogdet(np.eye(rows.shape[1]) + rows.T @ rows / (len(rows) * 1e-4))[1] / 2


@pytest.mark.parametrize(("rows", "width"), [(60, 8), (30, 64)])
def test_it_is_the_coding_rate_of_all_less_that_of_the_classes_weighted_by_rows(rows: int, width: int) -> None:
    given = seen(rows=rows, width=width)
    given = Seen(given.features[:-4], given.labels[:-4])  # classes of unequal size
    z = given.features - given.features.mean(axis=0)
    z /= np.linalg.norm(z)
    within = sum((given.classes == c).mean() * rate(z[given.classes == c]) for c in range(3))
    assert TransRate().score(given) == pytest.approx(rate(z) - within, rel=1e-9)


def test_two_classes_with_an_axis_each() -> None:
    # squared singular values of the four rows, scaled to 1 in all: 1/2 and 1/2; of two rows of a class: 1/2
    given = Seen(np.array([[3.0, 0], [-3, 0], [0, 3], [0, -3]]) + 5, np.array([0, 0, 1, 1]))
    expected = math.log(1 + 0.5 / (4 * 1e-4)) - math.log(1 + 0.5 / (2 * 1e-4)) / 2
    assert TransRate().score(given) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_not_below_0(seed: int) -> None:
    assert TransRate().score(seen(seed=seed, shuffled=True, signal=0)) >= 0


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(7 * given.features @ turn + 3, given.labels)
    assert TransRate().score(turned) == pytest.approx(TransRate().score(given), rel=1e-9)
