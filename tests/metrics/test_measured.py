"""What metrics share is computed once for the weights at hand, and only when a metric asks for it."""

from __future__ import annotations

import numpy as np

from headstart.metrics import _measured
from headstart.metrics._find import load
from metrics.cases import random


def test_sums_are_shared_until_other_weights_come() -> None:
    found = random("classes", 20, 3)
    first, second = np.ones((20, 2)), np.full((20, 2), 2.0)
    once = found.counts(first)
    assert found.counts(first) is once
    assert np.array_equal(found.counts(second).support, 2 * once.support)
    assert np.array_equal(found.counts(first).support, once.support) and found.counts(first) is not once


def test_nothing_is_sorted_for_a_metric_that_needs_no_order(monkeypatch) -> None:
    sorted_for = []
    monkeypatch.setattr(
        _measured, "ranking", lambda *given: sorted_for.append(given) or (lambda weights: (weights[0], weights[0]))
    )
    found = random("classes", 20, 3)
    load("accuracy").weighted(found)(found.unit)
    assert not sorted_for
    load("auroc").weighted(found)
    load("auroc").weighted(found)(found.unit)
    load("average_precision").weighted(found)(found.unit)
    assert len(sorted_for) == 3  # one a class, for both


def test_one_column_is_measured_alone() -> None:
    found = random("values", 20, 3)
    alone = found.column(1)
    assert alone.names == ("c1",) and alone.labels.shape == alone.predictions.shape == (20, 1)
    assert np.array_equal(alone.labels[:, 0], found.labels[:, 1])
