"""Intervals of shares: known values, coverage, and words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from headstart.core.errors import UsageError
from headstart.evaluation.intervals import at_least, at_most, share_interval, share_text


@pytest.mark.parametrize(("right", "rows"), [(1, 2), (7, 9), (199, 200), (1, 3000)])
def test_inside_it_is_wilsons(right, rows):
    known = binomtest(right, rows).proportion_ci(method="wilson")
    got = share_interval(right, rows)
    assert (got.low, got.high) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize("rows", [1, 9, 5000])
def test_at_the_edge_it_is_the_exact_bound(rows):
    bound = 0.05 ** (1 / rows)
    assert share_interval(rows, rows).to_plain() == pytest.approx({"value": 1.0, "low": bound, "high": 1.0})
    assert share_interval(0, rows).to_plain() == pytest.approx({"value": 0.0, "low": 0.0, "high": 1 - bound})
    assert at_least(rows, rows, 0.99) == pytest.approx(0.01 ** (1 / rows))


def test_bounds_between_the_edges_are_clopper_and_pearsons():
    known = binomtest(7, 9, alternative="greater").proportion_ci(0.95, "exact")
    assert at_least(7, 9) == pytest.approx(known.low)
    assert at_most(2, 9) == pytest.approx(1 - known.low)


@pytest.mark.parametrize("rows", [9, 40, 300])
def test_it_covers_the_truth_about_as_often_as_it_says(rows):
    right = np.arange(rows + 1)
    ends = np.array([[i.low, i.high] for i in (share_interval(int(k), rows) for k in right)])
    true = np.linspace(0.02, 0.98, 97)[:, None]
    held = (ends[:, 0] <= true) & (true <= ends[:, 1])
    coverage = (held * binom.pmf(right, rows, true)).sum(axis=1)  # exact, no simulation
    assert coverage.mean() == pytest.approx(0.95, abs=0.01) and coverage.min() > 0.83


@pytest.mark.parametrize(
    ("right", "rows", "said"),
    [
        (9, 9, "9 of 9 right, at least 72 %"),
        (0, 9, "0 of 9 right, at most 28 %"),
        (7, 9, "7 of 9 right, 45 to 94 %"),
        (1200, 1500, "1,200 of 1,500 right, 78 to 82 %"),
    ],
)
def test_headlines_say_what_is_known(right, rows, said):
    assert share_text(right, rows) == said


@pytest.mark.parametrize(("right", "rows"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(right, rows):
    with pytest.raises(UsageError, match="share"):
        share_interval(right, rows)
