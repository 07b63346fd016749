from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.decomposition import PCA

from headstart.transferability._seen import Seen
from headstart.transferability.gbc import GBC
from transferability.planted import seen


def overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Integrate the root of the product of two Gaussians, each (mean, standard deviation)."""
    return quad(
        lambda x: np.sqrt(norm.pdf(x, *first) * norm.pdf(x, *second)), -30, 40, limit=500, points=(first[0], second[0])
    )[0]


def test_two_classes_on_a_line_overlap_as_their_densities_do() -> None:
    given = Seen(np.array([[0.0], [2.0], [5.0], [9.0]]), np.array([0, 0, 1, 1]))
    assert GBC().score(given) == pytest.approx(-2 * overlap((1, 1), (7, 2)), rel=1e-6)


def test_two_classes_in_a_plane_overlap_as_their_densities_do() -> None:
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    given = Seen(np.concatenate([square, 2 * square + [6, 0]]), np.repeat([0, 1], 4))
    assert GBC().score(given) == pytest.approx(-2 * overlap((0, 1), (6, 2)) * overlap((0, 1), (0, 2)), rel=1e-6)


def test_all_pairs_of_classes_count_in_both_orders() -> None:
    given = Seen(np.zeros((9, 2)) + np.random.default_rng(0).normal(size=(3, 2)).repeat(3, axis=0), np.arange(9) % 3)
    assert GBC().score(given) == pytest.approx(-6.0)  # three classes that are the same


def test_64_principal_components_are_looked_at() -> None:
    given = seen(rows=240, width=100, signal=0.2)
    kept = PCA(64, svd_solver="full").fit_transform(given.features)
    assert GBC().score(given) == pytest.approx(GBC().score(Seen(kept, given.labels)), rel=1e-9)
    assert GBC().score(given) != pytest.approx(GBC().score(Seen(kept[:, :63], given.labels)), rel=1e-6)


def test_a_class_of_one_row_has_a_small_variance() -> None:
    # 1e-4 of the mean one, which is that of 0, 2 and 7 about 3
    given = Seen(np.array([[0.0], [2.0], [7.0]]), np.array([0, 0, 1]))
    assert GBC().score(given) == pytest.approx(-2 * overlap((1, 1), (7, np.sqrt(1e-4 * 26 / 3))), rel=1e-4)


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen(signal=0.3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(1e-3 * given.features @ turn + 3, given.labels)
    assert GBC().score(turned) == pytest.approx(GBC().score(given), rel=1e-6)
