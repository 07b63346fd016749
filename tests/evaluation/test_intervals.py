"""Intervals of shares: known values, coverage, and words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from evaluation.coverage import classes, confident, coverage, numbers
from headstart.core.errors import UsageError
from headstart.evaluation.intervals import at_least, difference_interval, share_interval, shares, spread_interval
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.results import Interval
from headstart.metrics._measured import Measured
from headstart.targets.binary import Binary
from headstart.targets.multiclass import Multiclass
from metrics.cases import random


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


@pytest.mark.parametrize("rows", [9, 40, 300])
def test_it_covers_the_truth_about_as_often_as_it_says(rows):
    right = np.arange(rows + 1)
    bounds = np.array([ends(share_interval(int(k), rows)) for k in right])
    true = np.linspace(0.02, 0.98, 97)[:, None]
    held = (bounds[:, 0] <= true) & (true <= bounds[:, 1])
    coverage = (held * binom.pmf(right, rows, true)).sum(axis=1)  # exact, no simulation
    assert coverage.mean() == pytest.approx(0.95, abs=0.01) and coverage.min() > 0.83


@pytest.mark.parametrize(("right", "rows"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(right, rows):
    with pytest.raises(UsageError, match="share"):
        share_interval(right, rows)


@pytest.mark.parametrize("name", ["f1_macro", "recall_macro", "precision_macro"])
def test_means_over_many_classes_are_in_their_intervals(name):
    held, inside, _ = coverage(name, classes(50, even=False), 150, trials=25, resamples=100)
    assert inside == 1 and held >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(("width", "rows"), [(5, 50), (5, 500), (50, 200), (50, 1000), (500, 1500)])
def test_means_over_classes_are_covered(width, rows, even):
    for name in ("f1_macro", "recall_macro", "precision_macro"):
        held, inside, _ = coverage(name, classes(width, even=even), rows, trials=150 if width < 500 else 50)
        print(f"{name}, {width} classes, {rows} rows, even: {even}: {held:.1%}")
        assert inside == 1 and held >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("width", "even"), [(2, True), (2, False), (10, True), (10, False)])
@pytest.mark.parametrize(("over", "rows"), [(1.0, 30), (1.0, 500), (2.0, 30), (2.0, 500)])
def test_the_true_calibration_error_is_covered(width, even, over, rows):
    world = confident(width, even=even, over=over)
    many = world(np.random.default_rng(999), 100_000)
    truth = ece(many, resamples=0).value
    assert truth is not None
    made = [ece(world(np.random.default_rng(trial), rows), resamples=150) for trial in range(100)]
    held = np.mean([low <= truth <= high for low, high in map(ends, made)])
    print(f"calibration error, {width} classes, {rows} rows, even: {even}, {over} times as sure: {held:.1%}")
    assert held >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "pearson", "spearman"])
def test_numbers_are_covered(name):
    held, inside, _ = coverage(name, numbers, 200, trials=150)
    assert inside == 1 and held >= 0.9


def ece(found: Measured, resamples: int) -> Interval:
    target = Binary(("y",), found.names) if len(found.names) == 2 else Multiclass(("y",), found.names)
    return evaluate(target, found.labels, found.predictions, resamples=resamples).metrics["ece"]


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.value is not None and interval.low is not None and interval.high is not None
    assert interval.low <= interval.value <= interval.high
    return interval.low, interval.high


def test_probabilities_that_may_be_right_have_an_error_from_none():
    low, high = ends(ece(confident(2, even=True, over=1.0)(np.random.default_rng(0), 30), 100))
    assert low == 0 < high
    low, high = ends(ece(confident(2, even=True, over=4.0)(np.random.default_rng(0), 300), 100))
    assert 0 < low < high


def test_rows_of_one_group_tell_less():
    found = random("classes", 60, 3)
    assert found.decisions is not None
    parts = (np.repeat(each, 5, axis=0) for each in (found.labels, found.predictions, found.decisions))
    five, places = Measured("classes", found.names, *parts), np.repeat(np.arange(60), 5)
    alone, grouped = ends(shares(found, 0.95)["accuracy"]), ends(shares(five, 0.95, places)["accuracy"])
    assert grouped == pytest.approx(alone, abs=0.01)
    assert ends(shares(five, 0.95)["accuracy"])[0] > grouped[0] + 0.05
    target = Multiclass(("y",), found.names)
    single = evaluate(target, found.labels, found.predictions)
    together = evaluate(target, five.labels, five.predictions, groups=[f"patient {place}" for place in places])
    assert ends(together.metrics["log_loss"]) == pytest.approx(ends(single.metrics["log_loss"]), rel=0.05)
    assert any("60 groups" in detail for detail in together.details)


def test_all_right_in_one_group_is_one_case():
    found = random("classes", 6, 2)
    sure = Measured("classes", found.names, found.labels, np.eye(2)[found.labels], found.labels)
    assert shares(sure, 0.95, np.zeros(6, int))["accuracy"].low == pytest.approx(0.05)
    assert shares(sure, 0.95, np.array([0, 0, 0, 1, 1, 1]))["accuracy"].low == pytest.approx(0.05**0.5)


def test_two_models_that_agree_on_few_rows_may_differ_on_others():
    right = np.array([True] * 8 + [False])
    got = difference_interval(right, right, 0.95)
    assert got.value == 0 and ends(got) == pytest.approx((-0.252, 0.252), abs=0.001)


@pytest.mark.parametrize("limits", [(0.0, 1.0), (0.0, np.inf), (-np.inf, 1.0), (-np.inf, np.inf)])
@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.4])
def test_resamples_beside_the_value_widen_its_interval_to_the_other_side(limits, shift):
    spread = 0.5 + shift + np.linspace(-0.05, 0.05, 101)
    made, missing = spread_interval(0.5, np.append(spread, np.nan), 0.95, limits)
    low, high = ends(made)
    assert limits[0] <= low < 0.5 < high <= limits[1] and missing == "undefined in 1 of 102 resamples"
    assert (high - 0.5 > 0.3) == (shift < 0) and (0.5 - low > 0.3) == (shift > 0)
