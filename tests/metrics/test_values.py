"""The metrics are scikit-learn's and scipy's, at equal weights and at any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

import headstart.metrics
from headstart.core.types import Form
from headstart.metrics import _rare
from headstart.metrics._find import suited, value
from headstart.metrics._measured import Measured
from metrics import oracle
from metrics.cases import SHAPES, degenerate, random

OURS = {path.stem for path in Path(headstart.metrics.__file__).parent.glob("[a-z]*.py")}


def weighted(found: Measured, weights: np.ndarray) -> dict[str, float]:
    return {n: float(metric.weighted(found)(weights)[0]) for n, metric in suited(found).items()}


def compare(found: Measured) -> None:
    known = suited(found)
    for name, expected in oracle.values(found).items():
        assert value(known[name], found) == pytest.approx(expected, abs=1e-9, nan_ok=True), name


def test_every_metric_has_an_oracle() -> None:
    assert set().union(*(oracle.values(random(form, 30, width)) for form, width in SHAPES)) == OURS


@pytest.mark.parametrize(("form", "width"), SHAPES)
@pytest.mark.parametrize("rows", [1, 2, 5, 60])  # few rows: classes are absent, metrics undefined
@pytest.mark.parametrize("digits", [None, 0])  # 0: many ties
def test_equal_weights_give_the_values(form: Form, width: int, rows: int, digits: int | None) -> None:
    for seed in range(10 if rows < 60 else 3):
        compare(random(form, rows, width, seed=seed, digits=digits))


@pytest.mark.parametrize(("form", "width"), SHAPES)
def test_degenerate_rows_give_the_values(form: Form, width: int) -> None:
    for found in degenerate(form, width):
        compare(found)


def test_any_weights_of_two_classes():
    found = random("classes", 80, 2, digits=1)
    y, p, decided = found.labels, found.predictions, found.decisions
    w = np.random.default_rng(1).random(80)
    got = weighted(found, w[:, None])
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
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def test_any_weights_of_many_classes():
    found = random("classes", 90, 4)
    y, p, decided = found.labels, found.predictions, found.decisions
    w = np.random.default_rng(1).random(90)
    got = weighted(found, w[:, None])
    expected = {
        "precision_macro": metrics.precision_score(y, decided, average="macro", sample_weight=w),
        "recall_macro": metrics.recall_score(y, decided, average="macro", sample_weight=w),
        "f1_macro": metrics.f1_score(y, decided, average="macro", sample_weight=w),
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
        "brier": metrics.brier_score_loss(y, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(np.eye(4)[y], p, sample_weight=w),
        "auroc": metrics.roc_auc_score(np.eye(4)[y], p, sample_weight=w),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def test_any_weights_of_labels():
    found = random("labels", 90, 4, digits=1)
    y, p, decided = found.labels, found.predictions, found.decisions
    w = np.random.default_rng(1).random(90)
    got = weighted(found, w[:, None])
    expected = {
        "subset_accuracy": metrics.accuracy_score(y, decided, sample_weight=w),
        "hamming_loss": metrics.hamming_loss(y, decided, sample_weight=w),
        "f1_macro": metrics.f1_score(y, decided, average="macro", sample_weight=w),
        "f1_micro": metrics.f1_score(y, decided, average="micro", sample_weight=w),
        "auroc": metrics.roc_auc_score(y, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(y, p, sample_weight=w),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def test_any_weights_of_values():
    found = random("values", 50, 2)
    y, p = found.labels, found.predictions
    w = np.random.default_rng(1).random(50)
    got = weighted(found, w[:, None])
    expected = {
        "mae": metrics.mean_absolute_error(y, p, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(y, p, sample_weight=w),
        "r2": metrics.r2_score(y, p, sample_weight=w),
        "pearson": np.mean([pearson(y[:, t], p[:, t], w) for t in range(2)]),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def pearson(a, b, w):
    covariance = np.cov(a, b, aweights=w)
    return covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])


def test_spearman_of_resamples_ranks_anew():
    found = random("values", 30, 1, digits=0)
    y, p = found.labels, found.predictions
    drawn = np.random.default_rng(3).integers(0, 30, 30)
    counts = np.bincount(drawn, minlength=30).astype(float)[:, None]
    got = weighted(found, counts)
    assert got["spearman"] == pytest.approx(stats.spearmanr(y[drawn, 0], p[drawn, 0])[0])


@pytest.mark.parametrize("form", ["classes", "labels"])
@pytest.mark.parametrize("digits", [None, 0])
def test_many_rare_classes_together_give_the_same(form: Form, digits: int | None, monkeypatch) -> None:
    found = random(form, 60, 30, digits=digits)
    compare(found)
    drawn = np.random.default_rng(1)
    for weights in (drawn.integers(0, 3, (60, 7)).astype(float), drawn.random((60, 7))):
        together = random(form, 60, 30, digits=digits).ranked(weights)
        with monkeypatch.context() as patch:
            patch.setattr(_rare, "MANY", 100)
            alone = random(form, 60, 30, digits=digits).ranked(weights)
        assert together.auroc == pytest.approx(alone.auroc) and together.average_precision == pytest.approx(
            alone.average_precision
        )
