"""GradNorm: weighted gradients come to one length, or to what the pace of their losses asks for."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, weigh

GRADIENTS = np.array([[8.0, 0.0], [0.0, 2.0]])


def lengths(weights: np.ndarray) -> np.ndarray:
    return weights * np.linalg.norm(GRADIENTS, axis=1)


def test_a_step_by_hand() -> None:
    made = rule("gradnorm", rate=0.1)
    state = made.start(2)
    assert weigh(made, GRADIENTS, (1.0, 1.0), state).tolist() == [1.0, 1.0]
    # lengths over their mean (1.6, 0.4): log weights -0.16 and +0.04
    expected = 2 / (1 + np.exp([0.2, -0.2]))
    assert weigh(made, GRADIENTS, (1.0, 1.0), state) == pytest.approx(expected)


def test_lengths_are_pulled_together() -> None:
    made = rule("gradnorm", rate=0.02)
    state = made.start(2)
    found = np.array([lengths(weigh(made, GRADIENTS, (1.0, 1.0), state)) for _ in range(150)])
    ratios = found[:, 0] / found[:, 1]
    assert ratios[0] == pytest.approx(4) and (np.diff(ratios[:30]) < 0).all()
    assert ratios[-1] == pytest.approx(1, abs=0.05)
    assert lengths(weigh(made, GRADIENTS, (1.0, 1.0), state)).sum() == pytest.approx(2 * 8 * 0.4, rel=0.05)  # sum K


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_a_loss_that_fell_less_gets_a_longer_gradient(alpha: float) -> None:
    made = rule("gradnorm", alpha=alpha, rate=0.02)
    state = made.start(2)
    weigh(made, GRADIENTS, (2.0, 1.0), state)
    for _ in range(250):
        weights = weigh(made, GRADIENTS, (0.5, 0.5), state)  # fell to a quarter and to a half
    one, other = lengths(weights)
    assert other / one == pytest.approx(2**alpha, abs=0.1)


def test_it_depends_on_no_unit() -> None:
    made = rule("gradnorm")
    one, other = made.start(2), made.start(2)
    for _ in range(5):
        weights = weigh(made, GRADIENTS, (1.0, 2.0), one)
        assert weights == pytest.approx(weigh(made, 1e6 * GRADIENTS, (3.0, 6.0), other), rel=1e-5)
