from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from headstart.transferability._seen import Seen
from headstart.transferability.knn import NEIGHBOURS, Knn
from transferability.planted import seen


def test_labels_are_what_a_classifier_without_the_row_gives() -> None:
    given = seen("labels", signal=0.4)
    made = KNeighborsClassifier(NEIGHBOURS)
    expected = np.mean(cross_val_predict(made, given.features, given.labels, cv=LeaveOneOut()) == given.labels)
    assert Knn().score(given) == pytest.approx(expected)


def test_two_classes_are_what_a_classifier_without_the_row_gives() -> None:
    given = seen(signal=0.4)
    labels = np.minimum(given.labels, 1)
    made = KNeighborsClassifier(NEIGHBOURS)
    expected = np.mean(cross_val_predict(made, given.features, labels, cv=LeaveOneOut()) == labels)
    assert Knn().score(Seen(given.features, labels)) == pytest.approx(expected)


def test_values_are_what_a_regressor_without_the_row_gives() -> None:
    given = seen("values")
    made = cross_val_predict(KNeighborsRegressor(NEIGHBOURS), given.features, given.labels, cv=LeaveOneOut())
    missed = np.square(made - given.labels).mean(axis=0)
    assert Knn().score(given) == pytest.approx(np.mean(1 - missed / given.labels.var(axis=0)))


def test_a_row_whose_neighbours_are_divided_counts_its_part() -> None:
    # Of each of three rows the neighbours are the two others: one of its own class and one not, or two of the other.
    assert Knn().score(Seen(np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1]))) == pytest.approx((1 / 2 + 1 / 2) / 3)


def test_labels_whose_neighbours_are_divided_are_half_right() -> None:
    labels = np.array([[0], [0], [1]])
    assert Knn().score(Seen(np.array([[0.0], [1.0], [2.0]]), labels, "labels")) == pytest.approx((1 / 2 + 1 / 2) / 3)


def test_rows_that_are_equally_near_share_the_places() -> None:
    # Of the row at 0 all eight others are equally near, and half are of its class.
    features = np.concatenate([np.zeros((1, 8)), np.eye(8)])
    given = Seen(features, np.array([0, 0, 1, 0, 1, 0, 1, 0, 1]))
    # Of another row that one is the nearest, and four places fall to seven rows, three of them of its own class:
    # 1 + 4 * 3 / 7 of 5 neighbours are of the class 0 where it is the own one, 4 * 3 / 7 of the class 1.
    assert Knn().score(given) == pytest.approx((0.5 + 4 * 1 + 4 * 0) / 9)


def test_turned_moved_and_scaled_features_give_the_same() -> None:
    given = seen(signal=0.5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    assert Knn().score(Seen(10 * given.features @ turn + 3, given.labels)) == Knn().score(given)


def test_a_single_row_or_values_that_do_not_vary_have_no_score() -> None:
    assert math.isnan(Knn().score(Seen(np.zeros((1, 2)), np.array([0]))))
    assert math.isnan(Knn().score(Seen(np.eye(3), np.ones((3, 1)), "values")))
