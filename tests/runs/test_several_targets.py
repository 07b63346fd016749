"""A task of two targets, from outputs made by hand: evaluated, written, compared, decided, described."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from headstart.artifact.predictor import Predictor
from headstart.artifact.save import calibrations_to_plain, read_calibrations
from headstart.cli.compare import compare as compare_command
from headstart.cli.results import show_evaluations
from headstart.cli.show import Show
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import Recipe
from headstart.core.types import Calibration, Task
from headstart.data.rows import Dataset, Rows
from headstart.evaluation.quick import score_all
from headstart.runs import folds
from headstart.runs.compare import compare
from headstart.runs.evaluate import Results, evaluate_splits, write_results
from headstart.runs.mistakes import worst
from headstart.targets.multiclass import Multiclass
from headstart.targets.regression import Regression

TASK = Task("vector", ("x",), {"mood": Multiclass(("mood",), ("calm", "glad", "sad")), "age": Regression(("age",))})
CALIBRATIONS = {"mood": Calibration(2.0, rows=60), "age": Calibration()}


def rows(count: int = 40) -> Rows:
    rng = np.random.default_rng(0)
    labels = {"mood": rng.integers(0, 3, count), "age": rng.normal(size=(count, 1)).astype(np.float32)}
    return Rows([f"row {i}" for i in range(count)], rng.normal(size=(count, 1)).astype(np.float32), labels)


def outputs(test: Rows, noise: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    logits = noise * rng.normal(size=(len(test), 3)) + np.eye(3)[test.labels["mood"]]
    mood = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"mood": mood, "age": test.labels["age"] + noise * rng.normal(size=(len(test), 1))}


def predictor(task: Task = TASK) -> Predictor:
    return Predictor(cast(Any, None), task, Recipe(), precision="float32", fingerprint="", calibrations=CALIBRATIONS)


def write(folder: Path, noise: float, task: Task = TASK, test: Rows | None = None) -> dict[str, Any]:
    """Write what a run leaves of its results."""
    test = rows() if test is None else test
    results: Results = {}
    dataset = Dataset(task, {"test": test}, {})
    raw = {"test": {name: array for name, array in outputs(rows(), noise).items() if name in task.targets}}
    metrics = evaluate_splits(predictor(task), dataset, seed=0, results=results, raw=raw)
    (folder / "model").mkdir(parents=True)
    write_results(folder, task, metrics, results, CALIBRATIONS)
    description = {
        "task": task.plain(),
        "calibration": calibrations_to_plain(task, CALIBRATIONS),
        "recipe": Recipe().to_plain(),
    }
    (folder / "model" / "model.json").write_text(json.dumps(description))
    return metrics


def test_each_target_is_evaluated_and_calibrated_by_itself(tmp_path, capsys):
    metrics = write(tmp_path / "run", 1.0)
    assert list(metrics) == ["test:mood", "test:age"]
    plain = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert plain["test:mood"]["primary"] == "accuracy" and plain["test:age"]["primary"] == "rmse"
    assert set(plain["test:mood"]["uncalibrated"]) == {"ece", "log_loss", "brier"}
    assert "uncalibrated" not in plain["test:age"]
    show_evaluations(Show(), metrics)
    shown = capsys.readouterr().out
    assert "test:mood (40 rows)" in shown and "test:age (40 rows)" in shown and "by class, test:mood" in shown


def test_calibrations_are_kept_by_target_or_flat_where_there_is_one():
    plain = json.loads(json.dumps(calibrations_to_plain(TASK, CALIBRATIONS)))
    assert list(plain) == ["mood", "age"] and read_calibrations(TASK, plain, "test") == CALIBRATIONS
    alone = Task("vector", ("x",), {"target": TASK.targets["mood"]})
    flat = calibrations_to_plain(alone, {"target": CALIBRATIONS["mood"]})
    assert flat["temperature"] == 2.0
    assert read_calibrations(alone, flat, "test") == {"target": CALIBRATIONS["mood"]}
    assert read_calibrations(alone, {}, "test") == {"target": Calibration()}  # version 0.1 knew of none


def test_predictions_are_by_target():
    test = rows(5)
    found = predictor().decide(outputs(test, 0.0))
    assert found["mood"] == [("calm", "glad", "sad")[place] for place in test.labels["mood"]]
    assert found["age"] == pytest.approx(test.labels["age"][:, 0].tolist())
    scaled = predictor().calibrate(outputs(test, 0.0))
    assert scaled["mood"].max() < outputs(test, 0.0)["mood"].max()
    assert np.array_equal(scaled["age"], outputs(test, 0.0)["age"])
    assert predictor().classes == {"mood": ("calm", "glad", "sad"), "age": ()}


def test_a_model_without_targets_predicts_nothing_and_says_what_it_is_for():
    bare = predictor(Task("vector", ("x",), {}))
    with pytest.raises(UsageError, match="Use embed"):
        bare.outputs(rows(5).unlabelled())
    assert bare.raw_outputs(rows(5)) == {}
    results: Results = {}
    dataset = Dataset(bare.task, {"test": rows(5).unlabelled()}, {})
    assert evaluate_splits(bare, dataset, seed=0, results=results) == {} and results == {}


def test_runs_are_compared_by_target(tmp_path, capsys):
    write(tmp_path / "a", 2.0)
    write(tmp_path / "b", 0.5)
    found = compare([tmp_path / "a", tmp_path / "b"], resamples=50)
    assert found.split == "test" and found.rows == 40 and list(found.targets) == ["mood", "age"]
    mood, age = (found.targets[name].comparisons[str(tmp_path / "b")] for name in ("mood", "age"))
    assert mood.mcnemar is not None and age.mcnemar is None
    rmse = age.differences["rmse"].value
    assert rmse is not None and rmse < 0
    json.dumps(found.to_plain(), allow_nan=False)
    compare_command([tmp_path / "a", tmp_path / "b"], resamples=20, verbose=True, out=tmp_path / "page.html")
    shown = capsys.readouterr().out
    assert "test of mood (40 rows)" in shown and "test of age (40 rows)" in shown


def test_runs_of_other_targets_are_not_compared(tmp_path):
    write(tmp_path / "a", 1.0)
    test = rows()
    mood = Task("vector", ("x",), {"mood": TASK.targets["mood"]})
    write(tmp_path / "b", 1.0, mood, Rows(test.ids, test.inputs, {"mood": test.labels["mood"]}))
    with pytest.raises(DataError, match="have other targets: mood, age; mood"):
        compare([tmp_path / "a", tmp_path / "b"])


def test_steps_are_scored_by_the_mean_of_the_losses():
    test = rows()
    name, good, higher = score_all(TASK, test, outputs(test, 0.1))
    assert name == "mean_loss" and not higher
    assert good < score_all(TASK, test, outputs(test, 1.0))[1]
    broken = outputs(test, 0.1) | {"age": np.full((40, 1), np.nan)}
    assert score_all(TASK, test, broken)[1] == np.inf


def test_mistakes_are_of_one_target():
    test = rows()
    wrong, shown = worst(TASK, "mood", test, outputs(test, 2.0)["mood"], {}, lambda places: [{}] * len(places))
    assert 0 < wrong < 40 and 0 < len(shown) <= 12
    assert all(mistake["label"] != mistake["prediction"] for mistake in shown)
    assert worst(TASK, "age", test, outputs(test, 1.0)["age"], {}, lambda places: [{}] * len(places))[0] == 40


def test_folds_are_for_one_target(tmp_path):
    dataset = Dataset(TASK, {"train": rows()}, {"train": rows()})
    recipe = Recipe().with_settings({"source.name": "vector:mlp"})
    with pytest.raises(UsageError, match=r"measures one target; this task has 2 \(mood, age\)"):
        folds.cross_validate(dataset, recipe, k=2, out=tmp_path / "run")
