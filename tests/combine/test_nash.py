"""Nash-MTL: the bargaining solution, by its equation and by hand, which no rescaled loss moves."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import along, gram, rule, some, update, weigh


@pytest.mark.parametrize("seed", range(10))
def test_what_a_loss_gains_is_one_over_its_weight(seed: int) -> None:
    gradients = some(4, 6, seed)
    weights = weigh(rule("nash"), gradients)
    assert weights.min() > 0
    shares = weights * (gram(gradients) @ weights)  # all equal: a_k (G G'a)_k = 1, times the length's square
    assert shares == pytest.approx(shares.mean(), rel=1e-3)


def test_its_length_is_the_geometric_mean_of_the_gradients() -> None:
    gradients = some(3, 6)
    expected = np.prod(np.linalg.norm(gradients, axis=1)) ** (1 / 3)
    assert np.linalg.norm(update(rule("nash"), gradients)) == pytest.approx(expected, rel=1e-5)


def test_by_hand() -> None:
    gradients = np.array([[4.0, 0.0], [0.0, 1.0]])  # a = (1 / 4, 1): (1, 1), to the length 2
    assert update(rule("nash"), gradients) == pytest.approx([2**0.5, 2**0.5], rel=1e-5)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_a_rescaled_loss_moves_nothing(factor: float) -> None:
    gradients = some(3, 6)
    scaled = gradients * [[factor], [1.0], [1.0]]
    assert along(update(rule("nash"), gradients), update(rule("nash"), scaled)) == pytest.approx(1, abs=1e-6)


def test_it_maximises_the_product_of_gains() -> None:
    gradients = some(3, 3)
    made = update(rule("nash"), gradients)
    made /= np.linalg.norm(made)
    other = np.random.default_rng(1).normal(size=(50_000, 3))
    gains = other / np.linalg.norm(other, axis=1, keepdims=True) @ gradients.T
    best = gains[(gains > 0).all(axis=1)].prod(axis=1).max()
    assert (gradients @ made).prod() >= best * (1 - 1e-4)
