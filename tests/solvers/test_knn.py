"""Claim: the nearest rows by angle answer, and as many as leave-one-out chooses; no row answers for itself."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.solvers import knn
from headstart.solvers.knn import COUNTS, nearest


def clusters(rows: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Make rows in three directions, one a class, of which a share has a wrong label."""
    rng = np.random.default_rng(0)
    labels = np.arange(rows) % 3
    x = 3 * np.eye(3)[labels] + rng.normal(0, 0.2, (rows, 3))
    wrong = rng.random(rows) < noise
    return x, np.eye(3)[np.where(wrong, (labels + 1) % 3, labels)]


def test_the_answer_is_the_mean_over_the_nearest_rows_by_hand() -> None:
    x = np.array([[2.0, 0.1], [2.0, -0.1], [-2.0, 0.1], [-2.0, -0.1]])  # their mean is 0
    values = np.array([[1.0], [3.0], [10.0], [20.0]])
    found = nearest(x, values, [np.array([[5.0, 0.3], [-1.0, -0.06]])], seed=0)
    assert found.count == 1
    assert found.left_out.ravel().tolist() == [3, 1, 20, 10]  # each by the other one on its side
    assert found.answers[0].ravel().tolist() == [1, 20]


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 1, 1), (0.4, 8, 55)])
def test_more_neighbours_are_taken_where_labels_are_noisy(noise: float, least: int, most: int) -> None:
    x, y = clusters(300, noise)
    found = nearest(x, y, [x[:9]], seed=0)
    assert least <= found.count <= most
    assert found.answers[0].argmax(axis=1).tolist() == [0, 1, 2] * 3


def test_left_out_rows_are_answered_as_by_hand() -> None:
    x, y = clusters(30, 0.3)
    found = nearest(x, y, [], seed=0)
    z = x - x.mean(axis=0)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    alike = z @ z.T
    np.fill_diagonal(alike, -2)
    places = np.argsort(-alike, axis=1)[:, : found.count]
    assert np.allclose(found.left_out, y[places].mean(axis=1))


def test_rows_of_one_group_do_not_answer_for_each_other() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(20, 4)), 2, axis=0)  # each row twice
    y = np.repeat(rng.normal(size=(20, 1)), 2, axis=0)
    groups = [str(place // 2) for place in range(40)]
    assert nearest(x, y, [], seed=0).count == 1  # its copy knows
    apart = nearest(x, y, [], seed=0, groups=groups)
    assert apart.count > 1 and not np.allclose(apart.left_out, y)


def test_of_very_many_rows_some_are_searched_and_some_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knn, "MOST", 60)
    monkeypatch.setattr(knn, "ASKED", 20)
    x, y = clusters(300)
    found = nearest(x, y, [x[:3]], seed=0)
    assert np.isfinite(found.left_out).all(axis=1).sum() == 20
    assert found.answers[0].argmax(axis=1).tolist() == [0, 1, 2]
    assert nearest(x[:2], y[:2], [x[:3]], seed=0).count == COUNTS[0]
