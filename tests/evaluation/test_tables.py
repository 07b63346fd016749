"""Rows of text and the table of predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError
from headstart.core.types import Calibration, Task
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.report.sides import Difference
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import (
    class_rows,
    flat_frame,
    frame_arrays,
    interval_text,
    metric_rows,
    predictions_frame,
)
from headstart.targets.multilabel import Multilabel


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
    target, y, p = make("multilabel", 30, 3)
    rows = metric_rows(evaluate(target, y, p, resamples=20))
    assert rows[0][0] == "average_precision" and len(rows) == 7
    same = Difference("", paired(target, y, p, p, resamples=20).differences)
    assert {row[0]: row for row in same.rows}["average_precision"] == ("average_precision", "0.000", "0.000 to 0.000")


def test_the_table_by_class(make):
    target, y, p = make("multiclass", 30, 3)
    rows = class_rows(evaluate(target, y, p, resamples=0))
    assert rows[0] == ("", "precision", "recall", "f1", "support")
    assert [row[0] for row in rows[1:]] == ["c0", "c1", "c2"]
    assert [row[4] for row in rows[1:]] == [str(n) for n in np.bincount(y)]
    target, y, p = make("regression", 30, 1)
    assert class_rows(evaluate(target, y, p, resamples=0)) == []


@pytest.mark.parametrize(
    ("kind", "width"), [("binary", 2), ("multiclass", 3), ("multilabel", 3), ("regression", 1), ("regression", 2)]
)
def test_predictions_are_written_and_read_back(make, tmp_path, kind, width):
    target, y, p = make(kind, 12, width)
    task = Task("vector", ("x",), {"target": target})
    ids = [f"test/{i}.jpg" for i in range(12)]
    predictions_frame(task, ids, {"target": y}, {"target": p}).to_parquet(tmp_path / "predictions.parquet")
    ids_read, labels, outputs = frame_arrays(task, pd.read_parquet(tmp_path / "predictions.parquet"))
    assert ids_read == ids
    assert np.array_equal(labels["target"], y) and np.array_equal(outputs["target"], p)


def test_several_targets_are_written_and_read_back(make, tmp_path):
    made = {
        "mood": make("multiclass", 12, 3),
        "tags": make("multilabel", 12, 2),
        "age": make("regression", 12, 1),
        "size": make("regression", 12, 2),
    }
    task = Task("vector", ("x",), {name: target for name, (target, _, _) in made.items()})
    labels, outputs = ({name: case[place] for name, case in made.items()} for place in (1, 2))
    limits = Calibration(thresholds={"c1": 0.0})
    frame = predictions_frame(task, list("abcdefghijkl"), labels, outputs, calibrations={"tags": limits})
    assert list(frame.columns)[:6] == ["id", "mood.label", "mood.prediction", "mood.p:c0", "mood.p:c1", "mood.p:c2"]
    assert {"age.label", "age.prediction", "size.label:c0", "size.prediction:c1"} <= set(frame.columns)
    assert all("c1" in cell for cell in frame["tags.prediction"])
    frame.to_parquet(tmp_path / "predictions.parquet")
    _, labels_read, outputs_read = frame_arrays(task, pd.read_parquet(tmp_path / "predictions.parquet"))
    for name in made:
        assert np.array_equal(labels_read[name], labels[name]) and np.array_equal(outputs_read[name], outputs[name])
    with pytest.raises(DataError, match=r"age\.prediction"):
        frame_arrays(task, frame.drop(columns="age.prediction"))


def test_columns_are_named_by_class_and_column():
    task = Task.of("vector", "multilabel", ("x",), ("y",), ("c0", "c1"))
    y, p = np.array([[1, 1], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.1]])
    frame = predictions_frame(task, ["a", "b"], {"target": y}, {"target": p})
    assert list(frame.columns) == ["id", "label", "prediction", "p:c0", "p:c1"]
    assert frame["label"].tolist() == [["c0", "c1"], []] and frame["prediction"].tolist() == [["c0"], []]
    assert frame_arrays(task, frame)[1]["target"].tolist() == y.tolist()
    task = Task.of("vector", "regression", ("x",), ("c0", "c1"))
    without = predictions_frame(task, ["a", "b"], {}, {"target": p})
    assert list(without.columns) == ["id", "prediction:c0", "prediction:c1"]


BINARY = Task.of("vector", "binary", ("x",), ("y",), ("c0", "c1"))


def test_thresholds_show_in_the_prediction():
    limits = {"target": Calibration(thresholds={"c1": 0.2})}
    frame = predictions_frame(BINARY, ["a"], {}, {"target": np.array([[0.7, 0.3]])}, calibrations=limits)
    assert frame["prediction"].tolist() == ["c1"]


def test_another_tasks_table_is_refused(make):
    _, y, p = make("binary", 3)
    frame = predictions_frame(BINARY, ["a", "b", "c"], {"target": y}, {"target": p})
    with pytest.raises(DataError, match="p:c1"):
        frame_arrays(BINARY, frame.drop(columns="p:c1"))
    with pytest.raises(DataError, match="dog"):
        frame_arrays(BINARY, frame.assign(label="dog"))


def test_without_targets_there_are_only_ids():
    task = Task("vector", ("x",), {})
    frame = predictions_frame(task, ["a", "b"], {}, {})
    assert list(frame.columns) == ["id"] and frame_arrays(task, frame) == (["a", "b"], {}, {})


@pytest.mark.parametrize(("separator", "written"), [(None, "light|old"), (";", "light;old")])
def test_lists_of_classes_become_text_for_a_csv_file(separator, written):
    target = Multilabel(("label",), ("light", "old"), separator)
    task = Task(
        "vector", ("x",), {"state": target, "other": Task.of("vector", "regression", ("x",), ("y",), ()).target}
    )
    outputs = {"state": np.array([[0.9, 0.8], [0.1, 0.2]]), "other": np.array([[1.5], [2.5]])}
    frame = predictions_frame(task, ["a", "b"], {"state": np.array([[1, 0], [0, 1]])}, outputs)
    flat = flat_frame(task, frame)
    assert flat["state.prediction"].tolist() == [written, ""] and flat["state.label"].tolist() == ["light", "old"]
    assert flat["other.prediction"].tolist() == [1.5, 2.5] and frame["state.prediction"].tolist() == [
        ["light", "old"],
        [],
    ]
