"""STCH: weights are the gradient of the smooth maximum of relative losses; by hand and by differences."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, weigh


def test_values_by_hand() -> None:
    made = rule("stch", mu=0.5, window=1)
    state = made.start(2)
    # N = (4, 1), of geometric mean 2: relative losses 1 and 1, so each (1 / N) 2
    assert weigh(made, some(2, 3), (4.0, 1.0), state) == pytest.approx([0.5, 2.0])
    share = 1 / (1 + np.exp(-1.0))  # relative losses 0.5 and 1, over mu 1 and 2
    assert weigh(made, some(2, 3), (2.0, 1.0), state) == pytest.approx([2 * (1 - share) * 0.5, 2 * share * 2.0])


def test_it_is_the_gradient_of_the_smooth_maximum() -> None:
    first, losses, mu, small = np.array([4.0, 1.0, 0.3]), np.array([2.0, 0.9, 0.1]), 0.7, 1e-6
    made = rule("stch", mu=mu, window=1)
    state = made.start(3)
    weigh(made, some(3, 3), first, state)

    def smooth(values: np.ndarray) -> float:
        return mu * np.log(np.exp(values / first / mu).sum())

    slope = [(smooth(losses + small * unit) - smooth(losses - small * unit)) / 2 / small for unit in np.eye(3)]
    weights = weigh(made, some(3, 3), losses, state)
    assert weights == pytest.approx(3 * np.prod(first) ** (1 / 3) * np.array(slope), rel=1e-5)


def test_losses_are_compared_with_the_mean_of_the_first_steps() -> None:
    made = rule("stch", window=2)
    state = made.start(2)
    for losses in ((3.0, 1.0), (5.0, 1.0), (100.0, 100.0)):
        weigh(made, some(2, 3), losses, state)
    assert (state["total"] / state["steps"]).tolist() == [4.0, 1.0]
    assert weigh(rule("stch", mu=1e-3), some(2, 3), (4.0, 0.5), state)[1] == pytest.approx(0)  # the largest alone
