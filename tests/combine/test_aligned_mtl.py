"""Aligned-MTL: the aligned gradients have condition number 1 and span what the gradients did."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update


@pytest.mark.parametrize("seed", range(10))
def test_it_is_the_mean_of_gradients_with_condition_number_one(seed: int) -> None:
    gradients = some(3, 6, seed)
    left, sizes, right = np.linalg.svd(gradients, full_matrices=False)
    aligned = sizes[-1] * left @ right
    assert np.linalg.cond(aligned) == pytest.approx(1)
    assert update(rule("aligned_mtl"), gradients) == pytest.approx(aligned.mean(axis=0), rel=1e-3, abs=1e-5)


def test_orthogonal_gradients_take_the_length_of_the_shortest() -> None:
    gradients = np.array([[4.0, 0.0], [0.0, 1.0]])
    assert update(rule("aligned_mtl"), gradients) == pytest.approx([0.5, 0.5])
    assert update(rule("aligned_mtl"), gradients * [[1e4], [1e-4]]) == pytest.approx([0.5e-4, 0.5e-4])


def test_gradients_of_one_direction_are_not_told_apart_by_rounding() -> None:
    gradients = some(1, 50) * np.array([[1.0], [2.0], [1.0]])  # s_min is s_max: V V' 1 / 3 with V = (1, 2, 1) / sqrt 6
    assert update(rule("aligned_mtl"), gradients) == pytest.approx(4 / 3 * gradients[0], rel=1e-4)
