"""What every metric must do. Metrics are found by themselves: a new file is tested without being listed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headstart.core import plugins
from headstart.core.types import Metric
from headstart.evaluation.metrics import evaluate
from headstart.metrics._find import load, value
from headstart.metrics._measured import Measured
from metrics.cases import SHAPES, degenerate, likely, perfect, random, taken, worst

every = pytest.mark.parametrize("name", plugins.names("metrics"))


def shapes(metric: Metric) -> list[tuple]:
    """Return the forms and widths that a metric is for."""
    return [(form, width) for form, width in SHAPES if form in metric.forms and metric.width in (None, width)]


def at(metric: Metric, found: Measured, weights: np.ndarray) -> np.ndarray:
    weights.flags.writeable = False
    got = metric.weighted(found)(weights)
    assert got.shape == weights.shape[1:] and got.dtype == np.float64
    return got


@every
def test_it_says_what_it_is(name: str) -> None:
    metric = load(name)
    assert metric.title and metric.limits[0] < metric.limits[1]
    assert shapes(metric), "no form of predictions that there is, or none of this width"
    for form, width in shapes(metric):
        unit = metric.unit(form, [f"c{i}" for i in range(width)])
        assert unit and len(unit) < 60


@every
def test_whole_weights_are_repeated_rows(name: str) -> None:
    metric = load(name)
    for form, width in shapes(metric):
        found = random(form, 40, width, digits=1)
        drawn = [np.random.default_rng(seed).integers(0, 40, 40) for seed in range(5)]
        counts = np.stack([np.bincount(rows, minlength=40) for rows in drawn], axis=1).astype(np.float64)
        repeated = [value(metric, taken(found, rows)) for rows in drawn]
        if form == "embeddings":  # a row that is drawn twice is looked for twice, and does not find itself
            one_by_one = at(metric, found, np.eye(40))
            repeated = [np.nanmean(one_by_one[rows]) for rows in drawn]
        assert at(metric, found, counts) == pytest.approx(repeated, abs=1e-9, nan_ok=True)


@every
def test_resamples_do_not_see_each_other(name: str) -> None:
    metric = load(name)
    for form, width in shapes(metric):
        found = random(form, 30, width)
        weights = np.random.default_rng(1).integers(0, 3, (30, 4)).astype(np.float64)
        alone = [at(metric, found, weights[:, [place]])[0] for place in range(4)]
        assert at(metric, found, weights) == pytest.approx(alone, nan_ok=True)


@every
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    metric = load(name)
    for form, width in shapes(metric):
        found = random(form, 50, width, digits=1)
        turned = taken(found, np.random.default_rng(0).permutation(50))
        assert value(metric, turned) == pytest.approx(value(metric, found))


@every
def test_values_are_within_the_limits(name: str) -> None:
    metric = load(name)
    least, greatest = metric.limits
    for form, width in shapes(metric):
        for found in [*degenerate(form, width), *(random(form, 20, width, seed=seed) for seed in range(5))]:
            weights = np.random.default_rng(2).integers(1, 4, (len(found.labels), 5)).astype(np.float64)
            got = [*at(metric, found, weights), value(metric, found)]
            assert all(np.isnan(g) or least - 1e-9 <= g <= greatest + 1e-9 for g in got), (form, width, got)


@every
def test_it_is_undefined_only_where_it_says_so(name: str) -> None:
    metric = load(name)
    cases = [found for form, width in shapes(metric) for found in degenerate(form, width)]
    assert any(np.isnan(value(metric, found)) for found in cases) == bool(metric.undefined)
    assert all(np.isfinite(value(metric, random(form, 200, width))) for form, width in shapes(metric))


@every
def test_perfect_predictions_are_no_worse_than_others(name: str) -> None:
    metric = load(name)
    sign = 1 if metric.higher_is_better else -1
    for form, width in shapes(metric):
        found = random(form, 100, width)
        best = sign * value(metric, perfect(found))
        shuffled = [taken(found, np.random.default_rng(seed).permutation(100)) for seed in range(3)]
        others = [found, *(_with_labels(other, found.labels) for other in shuffled)]
        assert all(best >= sign * value(metric, other) - 1e-9 for other in others), (form, width)
        assert any(best > sign * value(metric, other) + 1e-9 for other in others), "it tells nothing apart"


@every
def test_its_interval_has_it_inside_and_is_not_empty(name: str) -> None:
    """Also where all is right or wrong, where classes are many, and where resamples leave it undefined."""
    for form, width in shapes(load(name)):
        edges = [perfect(random(form, 9, width)), worst(form, 9, width)]
        for found in [random(form, 30, width), random(form, 3, width), *edges]:
            target: Any = _Given(found)
            made = evaluate(target, found.labels, found.predictions, resamples=100).metrics[name]
            if made.value is not None and made.low is not None and made.high is not None:
                assert made.low <= made.value <= made.high and made.low < made.high, (form, width, made)
            assert made.value is None or made.low is not None or found not in edges[:1], "a perfect one has none"


class _Given:
    """A target whose measured rows are these."""

    primary = ""

    def __init__(self, found: Measured) -> None:
        self.found, self.outputs = found, len(found.names)
        self.form, self.names, self.decide = found.form, found.names, lambda outputs, limits: found.decisions
        self.above, self.likelihoods = found.above, lambda outputs: found.likelihoods

    def check(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return labels, outputs

    def notes(self, labels: np.ndarray) -> list[str]:
        return []


def _with_labels(found: Measured, labels: np.ndarray) -> Measured:
    known = likely(labels, found.predictions, found.form)
    return Measured(found.form, found.names, labels, found.predictions, found.decisions, found.above, known)
