"""The weighted metrics are scikit-learn's, at equal weights and at any."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from headstart.evaluation.points import point_values
from headstart.evaluation.thresholds import decide
from headstart.evaluation.weighted import measure

CASES: list[tuple[str, int]] = [
    ("binary", 2),
    ("multiclass", 3),
    ("multiclass", 12),
    ("multilabel", 4),
    ("regression", 1),
    ("regression", 3),
]


def both(task, y, p, weights):
    decided = None if task.kind == "regression" else decide(task, p)
    y = y.astype(np.int64) if task.kind == "multilabel" else y
    return point_values(task, y, p, decided), measure(task, y, p, decided)(weights)


@pytest.mark.parametrize(("kind", "width"), CASES)
@pytest.mark.parametrize("rows", [1, 2, 5, 60])  # few rows: classes are absent, metrics undefined
@pytest.mark.parametrize("digits", [None, 0])  # 0: many ties
def test_equal_weights_give_the_values(make, kind, width, rows, digits):
    for seed in range(10):
        task, y, p = make(kind, rows, width, seed=seed, digits=digits)
        values, weighted = both(task, y, p, np.ones((rows, 1)))
        assert weighted.keys() == values.keys()
        for name, value in values.items():
            assert weighted[name][0] == pytest.approx(value, abs=1e-9, nan_ok=True), (name, seed)


@pytest.mark.parametrize(("kind", "width"), CASES)
def test_counts_equal_repeated_rows(make, kind, width):
    task, y, p = make(kind, 40, width, digits=1)
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(0, 40, 40)
        counts = np.bincount(drawn, minlength=40).astype(float)[:, None]
        _, weighted = both(task, y, p, counts)
        values, _ = both(task, y[drawn], p[drawn], np.ones((40, 1)))
        for name, value in values.items():
            assert weighted[name][0] == pytest.approx(value, abs=1e-9, nan_ok=True), name


def test_any_weights_of_a_binary_task(make):
    task, y, p = make("binary", 80, digits=1)
    w = np.random.default_rng(1).random(80)
    _, got = both(task, y, p, w[:, None])
    decided = p.argmax(axis=1)
    expected = {
        "accuracy": metrics.accuracy_score(y, decided, sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, decided, sample_weight=w),
        "precision": metrics.precision_score(y, decided, sample_weight=w),
        "recall": metrics.recall_score(y, decided, sample_weight=w),
        "f1": metrics.f1_score(y, decided, sample_weight=w),
        "f1_macro": metrics.f1_score(y, decided, average="macro", sample_weight=w),
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
        "brier": metrics.brier_score_loss(y, p[:, 1], sample_weight=w),
        "auroc": metrics.roc_auc_score(y, p[:, 1], sample_weight=w),
        "average_precision": metrics.average_precision_score(y, p[:, 1], sample_weight=w),
    }
    assert {name: got[name][0] for name in expected} == pytest.approx(expected)


def test_any_weights_of_a_multiclass_task(make):
    task, y, p = make("multiclass", 90, 4)
    w = np.random.default_rng(1).random(90)
    _, got = both(task, y, p, w[:, None])
    decided = p.argmax(axis=1)
    expected = {
        "precision_macro": metrics.precision_score(y, decided, average="macro", sample_weight=w),
        "recall_macro": metrics.recall_score(y, decided, average="macro", sample_weight=w),
        "f1_macro": metrics.f1_score(y, decided, average="macro", sample_weight=w),
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
        "brier": metrics.brier_score_loss(y, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(np.eye(4)[y], p, sample_weight=w),
        "auroc": metrics.roc_auc_score(np.eye(4)[y], p, sample_weight=w),
    }
    assert {name: got[name][0] for name in expected} == pytest.approx(expected)


def test_any_weights_of_a_multilabel_task(make):
    task, y, p = make("multilabel", 90, 4, digits=1)
    w = np.random.default_rng(1).random(90)
    _, got = both(task, y, p, w[:, None])
    decided = (p >= 0.5).astype(int)
    expected = {
        "subset_accuracy": metrics.accuracy_score(y, decided, sample_weight=w),
        "hamming_loss": metrics.hamming_loss(y, decided, sample_weight=w),
        "f1_macro": metrics.f1_score(y, decided, average="macro", sample_weight=w),
        "f1_micro": metrics.f1_score(y, decided, average="micro", sample_weight=w),
        "auroc": metrics.roc_auc_score(y, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(y, p, sample_weight=w),
    }
    assert {name: got[name][0] for name in expected} == pytest.approx(expected)


def test_any_weights_of_a_regression(make):
    task, y, p = make("regression", 50, 2)
    w = np.random.default_rng(1).random(50)
    _, got = both(task, y, p, w[:, None])
    expected = {
        "mae": metrics.mean_absolute_error(y, p, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(y, p, sample_weight=w),
        "r2": metrics.r2_score(y, p, sample_weight=w),
        "pearson": np.mean([pearson(y[:, t], p[:, t], w) for t in range(2)]),
    }
    assert {name: got[name][0] for name in expected} == pytest.approx(expected)


def pearson(a, b, w):
    covariance = np.cov(a, b, aweights=w)
    return covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])


def test_spearman_of_resamples_ranks_anew(make):
    task, y, p = make("regression", 30, 1, digits=0)
    drawn = np.random.default_rng(3).integers(0, 30, 30)
    counts = np.bincount(drawn, minlength=30).astype(float)[:, None]
    _, got = both(task, y, p, counts)
    assert got["spearman"][0] == pytest.approx(stats.spearmanr(y[drawn, 0], p[drawn, 0])[0])
