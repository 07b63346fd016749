"""UPGrad: the result conflicts with no gradient, and is the mean of true projections."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update, weigh


@pytest.mark.parametrize("seed", range(20))
def test_it_conflicts_with_no_gradient(seed: int) -> None:
    gradients = some(4, 6, seed) * 10.0 ** np.random.default_rng(seed).integers(-2, 3, (4, 1))
    made = update(rule("upgrad"), gradients)
    slopes = gradients @ made / np.linalg.norm(gradients, axis=1) / np.linalg.norm(made)
    assert slopes.min() >= -1e-5


def test_by_hand() -> None:
    gradients = np.array([[2.0, 0.0], [-1.0, 1.0]])  # projections (1, 1) and (0, 1): half of what PCGrad adds up
    assert update(rule("upgrad"), gradients) == pytest.approx([0.5, 1.0])
    assert weigh(rule("upgrad"), np.array([[1.0, 0.0], [1.0, 1.0]])).tolist() == [0.5, 0.5]  # they agree: the mean
    assert update(rule("upgrad"), np.array([[1.0, 0.0], [-2.0, 0.0]])) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_projection_is_the_nearest_point_of_the_cone() -> None:
    gradients = np.array([[1.0, -0.9, 0.3], [-0.5, 1.0, 0.0], [-0.4, 0.2, 1.0]])
    made = update(rule("upgrad"), gradients)
    points = np.random.default_rng(0).normal(size=(200_000, 3)) * 0.7 + gradients.mean(axis=0)
    inside = points[(points @ gradients.T >= 0).all(axis=1)]
    nearest = [inside[np.linalg.norm(inside - g, axis=1).argmin()] for g in gradients]
    assert made == pytest.approx(np.mean(nearest, axis=0), abs=0.05)
