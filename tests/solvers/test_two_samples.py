"""Two samples told apart by a linear classifier: values by hand, and how often chance is a difference."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from headstart.solvers.two_samples import proxy_a_distance, told_apart


def test_the_proxy_a_distance_is_2_where_nothing_overlaps_and_0_where_all_does() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    assert proxy_a_distance(rows, rows + np.array([100, 0, 0])) == 2.0
    assert proxy_a_distance(rows, rows.copy()) == 0.0


def test_the_proxy_a_distance_is_two_less_four_times_the_error() -> None:
    """Ten of 80 rows lie where four in five are of the other sample; all others where only their own lie."""
    rows, other = np.zeros((40, 1)), np.repeat([0.0, 1.0], [10, 30])[:, None]
    assert proxy_a_distance(rows, other) == pytest.approx(2 * (1 - 2 * 10 / 80), abs=1e-9)


def test_the_test_asks_rows_that_taught_nothing_and_counts_them_exactly() -> None:
    """40 rows apart from 40: 20 and 20 are asked, all told rightly. One in C(40, 20) divisions would be as good."""
    rows = np.arange(40.0)[:, None]
    found = told_apart(rows, rows + 1000)
    assert found.share == 1.0
    assert found.p == pytest.approx(1 / comb(40, 20), rel=1e-9)


def test_what_is_remembered_of_rows_is_no_difference() -> None:
    """More columns than rows: whatever their sample, the rows that teach could all be told."""
    random = np.random.default_rng(0)
    found = [told_apart(*random.normal(size=(2, 40, 200)), seed=seed) for seed in range(5)]
    assert max(each.share for each in found) < 0.8 and np.mean([each.share for each in found]) < 0.6
    near = [proxy_a_distance(*random.normal(size=(2, 40, 200)), seed=seed) for seed in range(5)]
    assert min(near) == 0.0 and max(near) < 1


def test_of_unequal_samples_a_constant_answer_tells_nothing() -> None:
    found = told_apart(np.zeros((90, 2)), np.zeros((10, 2)))
    assert found.p == 1.0


@pytest.mark.slow
def test_rows_of_one_distribution_are_hardly_ever_told_apart() -> None:
    """The p-value is exact: below any level in no more than that share of the draws; of few and wide rows."""
    random = np.random.default_rng(0)
    p = np.array([told_apart(*random.standard_t(3, size=(2, 60, 30)), seed=draw).p for draw in range(400)])
    for level in (0.5, 0.1, 0.01):
        assert (p < level).mean() <= level + 3 * np.sqrt(level * (1 - level) / len(p)), level
    assert p.min() > 1e-4


def test_a_shift_of_one_deviation_is_seen() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(2, 200, 30))
    rows[1, :, 0] += 2
    assert told_apart(*rows).p < 1e-8
