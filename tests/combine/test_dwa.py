"""DWA: weights by the ratio of one window's mean loss to the one before, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, weigh


def softmax(*values: float) -> list[float]:
    raised = np.exp(values)
    return (raised / raised.sum()).tolist()


def test_values_by_hand() -> None:
    made = rule("dwa", window=2, temperature=2.0)
    state = made.start(2)
    steps = [(4.0, 1.0), (2.0, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 1.0), (1.0, 1.0)]  # means (3, 1), (1.5, 0.75)
    found = [weigh(made, some(2, 3), losses, state) for losses in steps]
    for weights in found[:4]:
        assert weights.tolist() == [1.0, 1.0]
    for weights in found[4:]:
        assert weights == pytest.approx(2 * np.array(softmax(0.5 / 2, 0.75 / 2)))
    last = weigh(made, some(2, 3), (1.0, 1.0), state)  # means (1, 1)
    assert last == pytest.approx(2 * np.array(softmax(1 / 1.5 / 2, 1 / 0.75 / 2)))


def test_a_high_temperature_makes_weights_equal() -> None:
    made = rule("dwa", window=1, temperature=1e6)
    state = made.start(2)
    for losses in ((1.0, 1.0), (0.1, 1.0), (0.1, 1.0)):
        weights = weigh(made, some(2, 3), losses, state)
    assert weights == pytest.approx([1.0, 1.0], abs=1e-5)
