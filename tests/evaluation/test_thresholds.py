"""Thresholds have the highest F1 there is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headstart.core.errors import UsageError
from headstart.evaluation.thresholds import choose_thresholds, decide


@pytest.mark.parametrize("digits", [None, 1])
def test_no_binary_threshold_is_better(make, digits):
    for seed in range(10):
        task, y, p = make("binary", 40, seed=seed, digits=digits)
        chosen = choose_thresholds(task, y, p)
        assert chosen.keys() == {"c1"}
        best = max(f1_score(y, p[:, 1] >= t) for t in [*p[:, 1], 0.5] if (p[:, 1] >= t).any())
        assert f1_score(y, decide(task, p, chosen)) == pytest.approx(best)


def test_each_label_gets_its_own(make):
    task, y, p = make("multilabel", 60, 3)
    y[:, 2] = 0
    chosen = choose_thresholds(task, y, p)
    assert chosen["c2"] == 0.5  # nothing to learn from
    before, after = decide(task, p), decide(task, p, chosen)
    for column in (0, 1):
        assert f1_score(y[:, column], after[:, column]) >= f1_score(y[:, column], before[:, column])


def test_among_equals_the_nearest_to_a_half_is_taken(make):
    task, _, _ = make("binary", 2)
    p1 = np.array([0.1, 0.2, 0.8, 0.9])
    assert choose_thresholds(task, np.array([0, 0, 1, 1]), np.stack([1 - p1, p1], axis=1)) == {"c1": 0.5}
    p1 = np.array([0.1, 0.2, 0.3, 0.4])
    assert choose_thresholds(task, np.array([0, 0, 1, 1]), np.stack([1 - p1, p1], axis=1)) == {"c1": 0.25}


def test_other_tasks_have_none(make):
    task, y, p = make("multiclass", 10, 3)
    with pytest.raises(UsageError, match="multiclass"):
        choose_thresholds(task, y, p)
    with pytest.raises(UsageError, match="multi-class"):
        decide(task, p, {"c1": 0.5})
