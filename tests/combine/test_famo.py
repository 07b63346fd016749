"""FAMO: weights by the logits and the losses, logits by the fall of logarithms; by hand."""

from __future__ import annotations

import numpy as np
import pytest

from combine.matrices import rule, some, weigh


def test_values_by_hand() -> None:
    made = rule("famo", rate=0.5, decay=0.0)
    state = made.start(2)
    first = weigh(made, some(2, 3), (1.0, 4.0), state)  # z / L = (1/2, 1/8), of which 4/5 and 1/5, times 2
    assert first == pytest.approx([1.6, 0.4])
    second = weigh(made, some(2, 3), (1 / np.e, 4.0), state)  # log L fell by (1, 0), mean 1/2: J'd = (1/4, -1/4)
    assert state["logit"] == pytest.approx([-0.125, 0.125])
    shares = np.exp([-0.125, 0.125]) / np.array([1 / np.e, 4.0])
    assert second == pytest.approx(2 * shares / shares.sum())


def test_the_loss_that_falls_faster_counts_less_relative_to_its_size() -> None:
    made = rule("famo")
    state = made.start(2)
    steps = np.array([0.9, 0.99]) ** np.arange(20)[:, None]
    weighted = [weigh(made, some(2, 3), losses, state) * losses for losses in steps][-1]
    assert weighted[0] < 0.5 * weighted[1]


def test_noise_of_batches_cancels() -> None:
    made, noise = rule("famo", decay=0.0), np.exp(np.random.default_rng(0).normal(0, 0.1, (500, 2)))
    state = made.start(2)
    for losses in [*noise, (1.0, 1.0)]:
        weights = weigh(made, some(2, 3), losses, state)
    assert weights == pytest.approx([1.0, 1.0], abs=0.1)


def test_decay_draws_logits_to_zero() -> None:
    made = rule("famo", rate=0.5, decay=0.2)
    state = {"logit": np.array([1.0, -1.0]), "before": np.ones(2)}
    weigh(made, some(2, 3), (1.0, 1.0), state)
    assert state["logit"] == pytest.approx([0.9, -0.9])


def test_a_rescaled_loss_changes_no_direction() -> None:
    made = rule("famo")
    plain, scaled = made.start(2), made.start(2)
    for losses in np.random.default_rng(0).uniform(0.5, 2, (5, 2)):
        one = weigh(made, some(2, 3), losses, plain)
        other = weigh(made, some(2, 3), losses * [1000, 1], scaled) * [1000, 1]
        assert other / other.sum() == pytest.approx(one / one.sum())
