"""Evaluations: values, notes on what is undefined, JSON, and refused input."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from headstart.core.errors import DataError, UsageError
from headstart.evaluation.metrics import evaluate
from headstart.targets.binary import Binary
from headstart.targets.multilabel import Multilabel
from headstart.targets.regression import Regression

BINARY = Binary(("label",), ("ant", "bee"))


def value(evaluation, name):
    return evaluation.metrics[name].value


def test_binary_values_are_known():
    y = np.array([0, 0, 0, 1, 1, 1])
    p1 = np.array([0.1, 0.2, 0.8, 0.6, 0.7, 0.4])
    got = evaluate(BINARY, y, np.stack([1 - p1, p1], axis=1))
    assert value(got, "accuracy") == pytest.approx(4 / 6)
    assert value(got, "precision") == pytest.approx(2 / 3)
    assert value(got, "auroc") == pytest.approx(6 / 9)
    assert value(got, "brier") == pytest.approx(np.mean((p1 - y) ** 2))
    assert value(got, "log_loss") == pytest.approx(-np.mean(np.log(np.where(y == 1, p1, 1 - p1))))
    assert got.confusion == [[2, 1], [1, 2]]
    assert got.per_class["bee"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3})
    assert got.primary == "accuracy" and got.rows == 6


def test_multiclass_auroc_is_scikit_learns(make):
    target, y, p = make("multiclass", 200, 5)
    got = evaluate(target, y, p, resamples=0)
    assert value(got, "auroc") == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
    assert value(got, "f1_macro") == pytest.approx(metrics.f1_score(y, p.argmax(1), average="macro"))
    assert got.metrics["auroc"].low is None


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_metrics_undefined(label):
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    got = evaluate(BINARY, np.full(3, label), p)
    assert value(got, "auroc") is None and got.metrics["auroc"].low is None
    assert (value(got, "average_precision") is None) == (label == 0)
    assert value(got, "precision") is None
    assert (value(got, "recall") is None) == (label == 0)
    absent = BINARY.classes[1 - label]
    assert any(f"'{absent}'" in note for note in got.notes)
    assert any(note.startswith("auroc is undefined") for note in got.notes)


def test_one_row_gets_no_interval(make):
    for kind in ("binary", "multiclass", "multilabel", "regression"):
        target, y, p = make(kind, 1, 2)
        got = evaluate(target, y, p)
        assert value(got, got.primary) is not None or kind == "multilabel"
        shares = {"accuracy", "subset_accuracy", "precision", "recall"}
        assert all((i.low is None) == (i.value is None or n not in shares) for n, i in got.metrics.items())
        assert any("one row" in note for note in got.details)


def test_an_absent_class_is_left_out_and_named(make):
    target, y, p = make("multiclass", 100, 4)
    wider = replace(target, classes=(*target.classes, "rare"))
    p = np.hstack([p, np.zeros((100, 1))])
    got, before = evaluate(wider, y, p, resamples=50), evaluate(target, y, p[:, :4], resamples=50)
    for name in ("auroc", "average_precision", "f1_macro", "balanced_accuracy"):
        assert value(got, name) == pytest.approx(value(before, name))
    assert any("'rare'" in note for note in got.notes)
    assert got.per_class["rare"] == {"precision": None, "recall": None, "f1": None, "support": 0}


def test_a_perfect_score_says_how_little_few_rows_prove():
    y = np.array([0, 1] * 10)
    got = evaluate(BINARY, y, np.eye(2)[y])
    assert got.metrics["accuracy"].low == pytest.approx(0.05 ** (1 / 20))
    assert got.metrics["recall"].low == pytest.approx(0.05 ** (1 / 10))  # of ten bees
    y = np.eye(2, dtype=int)[y]
    labels = Multilabel(("label",), ("ant", "bee"))
    assert evaluate(labels, y, y.astype(float)).metrics["subset_accuracy"].low == pytest.approx(0.05 ** (1 / 20))


@pytest.mark.parametrize(("kind", "width"), [("binary", 2), ("multiclass", 3), ("multilabel", 3), ("regression", 2)])
@pytest.mark.parametrize("rows", [1, 2, 3, 30])
def test_json_has_no_nan(make, kind, width, rows):
    for seed in range(5):
        target, y, p = make(kind, rows, width, seed=seed)
        plain = evaluate(target, y, p, resamples=20).to_plain()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert plain["metrics"].keys() == plain["higher_is_better"].keys() == plain["units"].keys()
        assert plain["primary"] in plain["metrics"]


def test_constant_labels_leave_correlations_undefined():
    target = Regression(("a", "b"))
    y = np.stack([np.full(5, 0.1), np.arange(5.0)], axis=1)
    p = y + np.array([1.0, -1.0, 1.0, -1.0, 2.0])[:, None]
    got = evaluate(target, y, p)
    assert got.per_class["a"]["r2"] is None and got.per_class["a"]["spearman"] is None
    assert value(got, "r2") == pytest.approx(metrics.r2_score(y[:, 1], p[:, 1]))  # the mean over those that have one
    assert any("'a'" in note for note in got.notes)
    assert value(evaluate(replace(target, columns=("a",)), y[:, :1], p[:, :1]), "pearson") is None


def test_several_targets_are_averaged_and_listed(make):
    target, y, p = make("regression", 50, 3)
    got = evaluate(target, y, p, resamples=0)
    assert value(got, "rmse") == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert got.per_class["c1"]["rmse"] == pytest.approx(np.sqrt(np.mean((y[:, 1] - p[:, 1]) ** 2)))
    assert evaluate(replace(target, columns=("c0",)), y[:, :1], p[:, :1], resamples=0).per_class == {}


@pytest.mark.parametrize(("kind", "width"), [("binary", 2), ("multiclass", 4), ("multilabel", 3), ("regression", 2)])
def test_order_of_rows_does_not_matter(make, kind, width):
    target, y, p = make(kind, 200, width, digits=2)
    order = np.random.default_rng(0).permutation(200)
    a, b = evaluate(target, y, p), evaluate(target, y[order], p[order])
    for name, interval in a.metrics.items():
        other = b.metrics[name]
        assert other.value == pytest.approx(interval.value)
        ends, others = np.array([interval.low, interval.high]), np.array([other.low, other.high])
        assert (np.abs(others - ends) < 0.3 * np.ptp(ends)).all(), name
    assert evaluate(target, y, p) == a  # the same seed gives the same interval


def test_thresholds_decide(make):
    target, y, p = make("binary", 100)
    lowest = evaluate(target, y, p, thresholds={"c1": 0.0}, resamples=0)
    assert value(lowest, "recall") == 1.0 and value(lowest, "precision") == pytest.approx(y.mean())
    with pytest.raises(UsageError, match="c1"):
        evaluate(target, y, p, thresholds={"c9": 0.5})


def test_large_data_draws_fewer_resamples_and_says_so(make, monkeypatch):
    monkeypatch.setattr("headstart.evaluation.bootstrap.WORK", 100)
    target, y, p = make("binary", 20)
    assert any("200 resamples, not 1000" in note for note in evaluate(target, y, p).details)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 0.0}, {"resamples": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        evaluate(BINARY, np.array([0, 1]), np.eye(2), **options)


def test_every_bad_row_is_listed():
    p = np.array([[0.5, 0.5], [np.nan, 0.5], [3.0, -2.0], [0.2, 0.2]])
    with pytest.raises(DataError) as caught:
        evaluate(BINARY, np.array([0, 1, 7, 1]), p)
    assert {problem.where for problem in caught.value.problems} == {"row 1", "row 2"}  # NaN hides sums
    with pytest.raises(DataError, match="logits"):
        evaluate(BINARY, np.array([0, 1]), np.array([[3.0, -2.0], [1.0, 0.0]]))
    with pytest.raises(DataError, match="sum to 1"):
        evaluate(BINARY, np.array([0, 1]), np.array([[0.2, 0.2], [1.0, 0.0]]))


@pytest.mark.parametrize(
    ("y", "p", "says"),
    [
        (np.zeros(0, int), np.zeros((0, 2)), "no row"),
        (np.zeros(3, int), np.full((2, 2), 0.5), r"\[2\]; got \[3\]"),
        (np.zeros(2, int), np.full((2, 3), 1 / 3), r"\[N, 2\]; got \[2, 3\]"),
        (np.zeros(2, int), np.zeros(2), r"got \[2\]"),
    ],
)
def test_wrong_shapes_are_refused(y, p, says):
    with pytest.raises(DataError, match=says):
        evaluate(BINARY, y, p)


def test_the_confusion_of_many_classes_is_written_by_its_cells(make):
    target, y, p = make("multiclass", 300, 101)
    got = evaluate(target, y, p, resamples=0)
    plain = got.to_plain()["confusion"]
    assert got.confusion is not None and plain["classes"] == 101 and sum(count for *_, count in plain["cells"]) == 300
    assert all(got.confusion[a][b] == count > 0 for a, b, count in plain["cells"])
