from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from headstart.transferability._seen import Seen
from headstart.transferability.ridge import PENALTIES, Ridge
from transferability.planted import seen


def left_out(given: Seen) -> np.ndarray:
    """Fit a model for each row and penalty, and return the predictions that miss least."""
    scale = np.square(given.centred).sum() / len(given)
    made = [
        np.asarray(cross_val_predict(Peer(alpha), given.features, given.columns, cv=LeaveOneOut()))
        for alpha in PENALTIES * scale
    ]
    return min(made, key=lambda one: np.square(one - given.columns).sum())


@pytest.mark.parametrize("width", [5, 40])
@pytest.mark.parametrize("form", ["classes", "labels", "values"])
def test_it_is_what_models_without_each_row_give(form: str, width: int) -> None:
    given = seen(form, rows=30, width=width, signal=0.7)
    made = left_out(given)
    if form == "classes":
        expected = np.mean(made.argmax(axis=1) == given.labels)
    elif form == "labels":
        expected = np.mean((made > 0.5) == (given.labels > 0.5))
    else:
        expected = np.mean(1 - np.square(made - given.labels).mean(axis=0) / given.labels.var(axis=0))
    assert Ridge().score(given) == pytest.approx(expected, abs=1e-4)


def test_turned_moved_and_scaled_features_give_the_same() -> None:
    given = seen("values", width=12)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    moved = Seen(100 * given.features @ turn + 3, given.labels, "values")
    assert Ridge().score(moved) == pytest.approx(Ridge().score(given), rel=1e-6)


def test_features_that_do_not_vary_tell_the_most_frequent_class() -> None:
    assert Ridge().score(Seen(np.ones((10, 3)), np.array([0] * 7 + [1] * 3))) == pytest.approx(0.7)


def test_a_single_row_or_values_that_do_not_vary_have_no_score() -> None:
    assert math.isnan(Ridge().score(Seen(np.zeros((1, 2)), np.array([0]))))
    assert math.isnan(Ridge().score(Seen(np.eye(3), np.ones((3, 1)), "values")))
