"""CAGrad: within its ball, the mean without one, and the best for the worst loss that the ball has."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, update
from headstart.core.errors import UsageError


@pytest.mark.parametrize("seed", range(10))
def test_no_other_update_in_the_ball_is_better_for_the_worst_loss(seed: int) -> None:
    gradients = some(3, 3, seed)
    mean = gradients.mean(axis=0)
    made = update(rule("cagrad", c=0.4), gradients)
    radius = 0.4 * np.linalg.norm(mean)
    assert np.linalg.norm(made - mean) == pytest.approx(radius, rel=1e-4)
    other = np.random.default_rng(1).normal(size=(20_000, 3))
    other = mean + radius * other / np.linalg.norm(other, axis=1, keepdims=True)
    best = (other @ gradients.T).min(axis=1).max()
    assert (gradients @ made).min() >= best - 1e-4
    assert (gradients @ made).min() >= (gradients @ mean).min()


@pytest.mark.parametrize("seed", range(3))
def test_without_a_ball_it_is_the_mean(seed: int) -> None:
    gradients = some(3, 5, seed)
    assert update(rule("cagrad", c=0.0), gradients) == pytest.approx(gradients.mean(axis=0), rel=1e-5)


def test_by_hand() -> None:
    gradients = np.array([[1.0, 0.0], [0.0, 1.0]])  # along the mean (0.5, 0.5), and half as far again
    assert update(rule("cagrad", c=0.5), gradients) == pytest.approx([0.75, 0.75], rel=1e-5)
    against = np.array([[1.0, 0.0], [-1.0, 0.0]])  # the mean is zero, and so is the ball
    assert update(rule("cagrad"), against) == pytest.approx([0.0, 0.0])


def test_a_ball_that_holds_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="c must be at least 0 and below 1"):
        rule("cagrad", c=1.0)
