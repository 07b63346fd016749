"""Rows of text and the table of predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import class_rows, frame_arrays, interval_text, metric_rows, predictions_frame


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.94771, 0.91503, 0.97386), ("0.948", "0.915 to 0.974")),
        (Interval(12345.678, 12000.0, 12700.0), ("12346", "12000 to 12700")),
        (Interval(0.5, 0.1, 0.9), ("0.50", "0.10 to 0.90")),
        (Interval(1.0, 1.0, 1.0), ("1.000", "1.000 to 1.000")),
        (Interval(0.9477124), ("0.9477", "–")),
        (Interval(1.2e-9), ("1.2e-09", "–")),
        (Interval(0.0), ("0.000", "–")),
        (Interval(None), ("–", "–")),
        (Interval(-0.003, -0.09, 0.07), ("0.00", "-0.09 to 0.07")),
    ],
)
def test_digits_follow_the_width(interval, text):
    assert interval_text(interval) == text


def test_the_primary_metric_comes_first(make):
    task, y, p = make("multilabel", 30, 3)
    rows = metric_rows(evaluate(task, y, p, resamples=20))
    assert rows[0][0] == "average_precision" and len(rows) == 7
    assert metric_rows(paired(task, y, p, p, resamples=20))[0] == ("average_precision", "0.000", "0.000 to 0.000")


def test_the_table_by_class(make):
    task, y, p = make("multiclass", 30, 3)
    rows = class_rows(evaluate(task, y, p, resamples=0))
    assert rows[0] == ("", "precision", "recall", "f1", "support")
    assert [row[0] for row in rows[1:]] == ["c0", "c1", "c2"]
    assert [row[4] for row in rows[1:]] == [str(n) for n in np.bincount(y)]
    task, y, p = make("regression", 30, 1)
    assert class_rows(evaluate(task, y, p, resamples=0)) == []


@pytest.mark.parametrize(
    ("kind", "width"), [("binary", 2), ("multiclass", 3), ("multilabel", 3), ("regression", 1), ("regression", 2)]
)
def test_predictions_are_written_and_read_back(make, tmp_path, kind, width):
    task, y, p = make(kind, 12, width)
    ids = [f"test/{i}.jpg" for i in range(12)]
    predictions_frame(task, ids, y, p).to_parquet(tmp_path / "predictions.parquet")
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    ids_read, targets, predictions = frame_arrays(task, frame)
    assert ids_read == ids
    assert np.array_equal(targets, y) and np.array_equal(predictions, p)


def test_columns_are_named_by_class_and_target(make):
    task, y, p = make("multilabel", 2, 2)
    y, p = np.array([[1, 1], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.1]])
    frame = predictions_frame(task, ["a", "b"], y, p)
    assert list(frame.columns) == ["id", "label", "prediction", "p:c0", "p:c1"]
    assert frame["label"].tolist() == [["c0", "c1"], []] and frame["prediction"].tolist() == [["c0"], []]
    assert frame_arrays(task, frame)[1].tolist() == y.tolist()
    task, y, p = make("regression", 2, 2)
    assert list(predictions_frame(task, ["a", "b"], None, p).columns) == ["id", "prediction:c0", "prediction:c1"]


def test_thresholds_show_in_the_prediction(make):
    task, _, _ = make("binary", 2)
    frame = predictions_frame(task, ["a"], None, np.array([[0.7, 0.3]]), thresholds={"c1": 0.2})
    assert frame["prediction"].tolist() == ["c1"]


def test_another_tasks_table_is_refused(make):
    task, y, p = make("binary", 3)
    frame = predictions_frame(task, ["a", "b", "c"], y, p)
    with pytest.raises(DataError, match="p:c1"):
        frame_arrays(task, frame.drop(columns="p:c1"))
    with pytest.raises(DataError, match="dog"):
        frame_arrays(task, frame.assign(label="dog"))
