"""IMTL-G: equal projections on all gradients, upwards, whatever their lengths."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update, weigh


@pytest.mark.parametrize("seed", range(10))
def test_projections_on_all_gradients_are_equal(seed: int) -> None:
    gradients = some(4, 7, seed)
    projections = gradients @ update(rule("imtl_g"), gradients) / np.linalg.norm(gradients, axis=1)
    assert projections == pytest.approx(projections.mean(), rel=1e-3) and projections.mean() > 0


def test_by_hand() -> None:
    gradients = np.array([[4.0, 0.0], [0.0, 1.0]])  # (1, 1) by (1 / 4, 1); halves of unit vectors, times 2
    assert weigh(rule("imtl_g"), gradients) == pytest.approx([0.25, 1.0])
    assert weigh(rule("imtl_g"), np.array([[3.0, 0.0], [1.8, 2.4]])) == pytest.approx([0.5, 0.5])  # one length: sum 1


def test_weights_of_both_signs_do_not_turn_it_round() -> None:
    gradients = np.array([[1.0, 0.05, 0.5], [1.0, -0.05, 0.5], [1.0, 0.0, 0.49]]) * [[1e-3], [1e-3], [1.0]]
    weights = weigh(rule("imtl_g"), gradients)
    assert weights.min() < 0 < weights.max()
    assert (gradients @ update(rule("imtl_g"), gradients)).min() > 0


def test_of_gradients_that_cancel_there_is_none() -> None:
    assert weigh(rule("imtl_g"), np.array([[1.0, 0.0], [-2.0, 0.0]])).tolist() == [0.0, 0.0]
