"""Uncertainty: precisions come to one over the loss, as the paper's objective has its minimum there."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, weigh


def test_a_step_by_hand() -> None:
    made = rule("uncertainty", rate=0.5)
    state = made.start(2)
    assert weigh(made, some(2, 3), (2.0, 0.5), state).tolist() == [1.0, 1.0]  # s = 0, then -0.5 (1 - L)
    assert weigh(made, some(2, 3), (2.0, 0.5), state) == pytest.approx(np.exp([-0.5, 0.25]))


def test_weights_come_to_one_over_the_loss() -> None:
    made = rule("uncertainty", rate=0.1)
    state = made.start(3)
    for _ in range(500):
        weights = weigh(made, some(3, 3), (4.0, 1.0, 0.1), state)
    assert weights == pytest.approx([0.25, 1.0, 10.0], rel=1e-3)


def test_a_loss_of_zero_and_one_without_bounds_do_no_harm() -> None:
    made = rule("uncertainty")
    state = made.start(2)
    for _ in range(2000):
        weights = weigh(made, some(2, 3), (0.0, 1e8), state)
    assert weights == pytest.approx([np.exp(20), 1e-8], rel=1e-2)
