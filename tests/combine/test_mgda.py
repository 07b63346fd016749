"""MGDA: the shortest vector of the convex hull, against a grid, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update, weigh


@pytest.mark.parametrize("seed", range(10))
def test_it_is_the_shortest_vector_of_the_hull(seed: int) -> None:
    gradients = some(3, 4, seed) + 0.5
    weights = weigh(rule("mgda"), gradients)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    ticks = np.linspace(0, 1, 101)
    grid = np.array([[a, b, 1 - a - b] for a in ticks for b in ticks if a + b <= 1 + 1e-9])
    lengths = np.linalg.norm(grid @ gradients, axis=1)
    length = np.linalg.norm(weights @ gradients)
    assert length <= lengths.min() + 1e-6
    assert length == pytest.approx(lengths.min(), abs=0.05)


@pytest.mark.parametrize("seed", range(10))
def test_it_lowers_every_loss_by_at_least_its_square(seed: int) -> None:
    gradients = some(3, 8, seed)
    made = update(rule("mgda"), gradients)
    assert (gradients @ made).min() >= made @ made - 1e-5


def test_weights_by_hand() -> None:
    assert weigh(rule("mgda"), np.array([[1.0, 0.0], [0.0, 2.0]])) == pytest.approx([0.8, 0.2])  # 4 to 1
    assert weigh(rule("mgda"), np.array([[1.0, 0.0], [3.0, 1.0]])) == pytest.approx([1.0, 0.0])  # the end of the hull
    assert update(rule("mgda"), np.array([[1.0, 0.0], [-2.0, 0.0]])) == pytest.approx([0.0, 0.0], abs=1e-6)
