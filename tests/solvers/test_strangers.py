"""Rows that are like none of the classes: the cosine to class means, at the threshold that 95 % of known rows pass."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.solvers.strangers import strangers


def test_a_row_is_measured_by_the_nearest_class_mean_of_others() -> None:
    """Of the two rows of class 0 each is 45 degrees from the other, which is its class mean without it."""
    rows = np.array([[2.0, 0], [3, 3], [0, 1], [0, 4]])
    found = strangers(rows, np.array([0, 0, 1, 1]), np.array([[5.0, 0], [-5, 0], [1, 1], [-1, -1]]))
    half = np.cos(np.pi / 8)  # class 0 lies half way between its rows, at 0 and 45 degrees; class 1 at 90
    assert found.likely.tolist() == pytest.approx([half, 0, half, -np.cos(np.pi / 4)])
    assert found.strange.tolist() == [False, True, False, True]  # 0.71 is the least of the labelled rows, 1 the most


def test_a_third_class_among_the_others_is_found_and_no_more_than_a_share_of_the_known() -> None:
    random = np.random.default_rng(0)
    axes = 4 * np.eye(20)
    rows, same = (random.normal(size=(count, 20)) + axes[np.arange(count) % 2] for count in (60, 300))
    third = random.normal(size=(200, 20)) + axes[2]
    found = strangers(rows, np.arange(60) % 2, np.concatenate([same, third]))
    assert found.strange[:300].mean() < 0.15 and found.strange[300:].mean() > 0.9 and found.p < 1e-6
    alike = strangers(rows, np.arange(60) % 2, same)
    assert alike.strange.mean() < 0.15 and alike.p > 0.01


def test_the_chance_is_no_smaller_than_it_says() -> None:
    """Of 200 sets without strange rows about 2 have a p below 0.01; class means without the row itself make it so."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(200):
        every = random.normal(size=(100, 10)) + 2 * np.eye(10)[np.arange(100) % 4]
        found.append(strangers(every[:16], np.arange(16) % 4, every[16:]).p)
    assert np.mean(np.array(found) < 0.01) < 0.03
