"""Thresholds have the highest F1 there is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headstart.core.errors import UsageError
from headstart.targets._decisions import best_threshold


@pytest.mark.parametrize("digits", [None, 1])
def test_no_threshold_is_better(make, digits):
    for seed in range(10):
        target, y, p = make("binary", 40, seed=seed, digits=digits)
        chosen = best_threshold(y == 1, p[:, 1])
        best = max(f1_score(y, p[:, 1] >= t) for t in [*p[:, 1], 0.5] if (p[:, 1] >= t).any())
        assert f1_score(y, target.decide(p, {"c1": chosen})) == pytest.approx(best)


def test_a_class_without_rows_keeps_a_half():
    assert best_threshold(np.zeros(5, bool), np.linspace(0, 1, 5)) == 0.5


def test_among_equals_the_nearest_to_a_half_is_taken():
    positive = np.array([False, False, True, True])
    assert best_threshold(positive, np.array([0.1, 0.2, 0.8, 0.9])) == 0.5
    assert best_threshold(positive, np.array([0.1, 0.2, 0.3, 0.4])) == 0.25


def test_each_label_is_decided_by_its_own(make):
    target, y, p = make("multilabel", 60, 3)
    chosen = {name: best_threshold(y[:, c] == 1, p[:, c]) for c, name in enumerate(target.classes)}
    before, after = target.decide(p), target.decide(p, chosen)
    for column in range(3):
        assert f1_score(y[:, column], after[:, column]) >= f1_score(y[:, column], before[:, column])


def test_other_classes_have_none(make):
    target, _, p = make("multiclass", 10, 3)
    with pytest.raises(UsageError, match="multi-class"):
        target.decide(p, {"c1": 0.5})
    with pytest.raises(UsageError, match="c1"):
        make("binary", 10)[0].decide(p[:, :2], {"c9": 0.5})
