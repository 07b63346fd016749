"""Axes: round ticks inside the range, and places in the right direction."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from headstart.drawing.charts import (
    HEIGHT,
    WIDTH,
    Axes,
    Chart,
    Forest,
    Measured,
    curve,
    ratio_span,
    ratio_ticks,
    span,
    tick_text,
    ticks,
)
from headstart.drawing.draw import draw


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.31), (0, 12345), (1e-6, 3e-6), (-5e9, 2e9), (99.9, 100.1)])
def test_ticks_are_few_and_inside(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    steps = {round(b - a, 12) for a, b in pairwise(found)}
    assert len({float(f"{step:.6g}") for step in steps}) == 1


@pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [math.nan, math.inf], [-1.0, 1.0]])
def test_a_span_has_a_width(values):
    low, high = span(values)
    assert math.isfinite(low) and math.isfinite(high) and low < high


def test_up_is_up():
    axes = Axes((0, 10), (0, 1), "x", "y")
    assert axes.up(1) < axes.up(0) and axes.across(10) > axes.across(0)
    assert axes.up(1) >= 0 and axes.up(0) <= HEIGHT and axes.across(10) <= WIDTH


def test_equal_ratios_are_equally_far_apart_on_a_logarithmic_axis():
    axes = Axes(ratio_span([2.0, 200.0]), (0, 1), "x", "y", by_ratio=True)
    first, second, third = map(axes.across, (2.0, 20.0, 200.0))
    assert third - second == pytest.approx(second - first) and 0 < first < third < WIDTH
    assert [text for _, text in Chart(axes, [], "chart").x_ticks] == ["2", "5", "10", "20", "50", "100", "200"]


@pytest.mark.parametrize(("low", "high"), [(0.5, 60), (1e-3, 1e6), (2.1, 4.4), (3, 3.3), (1e-9, 2e-9)])
def test_ticks_of_ratios_are_few_and_inside(low, high):
    found = ratio_ticks(low, high)
    assert 2 <= len(found) <= 10 and found == sorted(found)
    assert all(low <= value <= high for value in found)


def test_names_are_escaped():
    axes = Axes((0, 1), (0, 1), "<b>", "&")
    drawn = draw(Chart(axes, [curve(axes, [(0, 0), (1, 1)], "c0")], '"'))
    assert "<b>" not in drawn and "&lt;b&gt;" in drawn and 'aria-label="&#34;"' in drawn


def test_a_point_tells_its_values():
    axes = Axes((0, 10), (0, 1), "step", "loss")
    assert "<title>step 5: loss 0.25</title>" in draw(Chart(axes, [curve(axes, [(5, 0.25)], "c0")], "curve"))


def test_a_forest_plot_has_a_row_for_each_value_with_its_interval():
    rows = [Measured("<a>", 0.5, 0.25, 0.75, "0.5 (0.25 to 0.75)"), Measured("b", 0.75, None, None, "0.75")]
    forest = Forest(rows, "accuracy", "accuracy by run")
    drawn = draw(forest)
    assert drawn.count("<circle") == 2 and "&lt;a&gt;: 0.5 (0.25 to 0.75)</title>" in drawn
    (_, _, value, low, high), (_, _, other, same, too) = forest.placed
    assert low < value < high == other == same == too
    assert low >= 0 and high <= forest.width


@pytest.mark.parametrize(("value", "text"), [(1500, "1.5k"), (2e6, "2M"), (0.25, "0.25"), (-3e9, "-3G"), (0, "0")])
def test_ticks_are_brief(value, text):
    assert tick_text(value) == text
