"""The number that training keeps its best step by."""

from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.evaluation.metrics import evaluate
from headstart.evaluation.quick import score
from headstart.targets.binary import Binary


@pytest.mark.parametrize(("kind", "width"), [("binary", 2), ("multiclass", 4), ("multilabel", 3), ("regression", 2)])
def test_it_is_the_primary_metric(make, kind, width):
    target, y, p = make(kind, 50, width, digits=1)
    name, value, higher = score(target, y, p)
    full = evaluate(target, y, p, resamples=0)
    assert name == full.primary
    assert value == pytest.approx(full.metrics[name].value)
    assert higher == full.to_plain()["higher_is_better"][name]


@pytest.mark.parametrize(("kind", "width"), [("binary", 2), ("multilabel", 3), ("regression", 2)])
def test_nan_is_never_best(make, kind, width):
    target, y, p = make(kind, 10, width)
    p[3, 1] = np.nan
    _, value, higher = score(target, y, p)
    assert value == (-math.inf if higher else math.inf)


def test_undefined_is_never_best(make):
    target, y, p = make("multilabel", 10, 3)
    assert score(target, np.zeros_like(y), p)[1] == -math.inf
    assert score(target, y[:0], p[:0])[1] == -math.inf


def test_a_rare_class_is_judged_by_auroc() -> None:
    target = Binary(("y",), ("ill", "well"))
    y = np.array([0] * 2 + [1] * 18)
    p = np.linspace(0.6, 0.99, 20)  # every row is decided as "well", and the order is right
    assert score(target, y, np.stack([1 - p, p], axis=1)) == ("auroc", 1.0, True)
    assert score(target, y[::-1], np.stack([1 - p, p], axis=1)) == ("auroc", 0.0, True)
    even = np.array([0, 1] * 10)
    assert score(target, even, np.stack([1 - p, p], axis=1))[0] == "accuracy"
