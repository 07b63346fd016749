"""PCGrad: of two gradients the result conflicts with none; agreeing ones are added; values by hand."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update, weigh


def test_each_loses_what_points_against_the_other() -> None:
    gradients = np.array([[2.0, 0.0], [-1.0, 1.0]])  # g1 g2 = -2: g1 + 2 / 2 g2 = (1, 1), g2 + 2 / 4 g1 = (0, 1)
    assert update(rule("pcgrad"), gradients) == pytest.approx([1.0, 2.0])
    assert weigh(rule("pcgrad"), gradients) == pytest.approx([1.5, 2.0])


@pytest.mark.parametrize("seed", range(20))
def test_of_two_it_conflicts_with_none(seed: int) -> None:
    gradients = some(2, 3, seed)
    assert (gradients @ update(rule("pcgrad"), gradients)).min() >= -1e-6


def test_gradients_that_agree_are_added() -> None:
    assert weigh(rule("pcgrad"), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])).tolist() == [1.0, 1.0, 1.0]


def test_three_are_projected_in_an_order_that_follows_the_seed() -> None:
    gradients = np.array([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -0.5, 1.0]])
    drawn = {tuple(weigh(rule("pcgrad"), gradients, seed=seed).round(9)) for seed in range(20)}
    assert 1 < len(drawn) <= 8
    assert tuple(weigh(rule("pcgrad"), gradients, seed=3).round(9)) in drawn
