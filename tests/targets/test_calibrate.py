"""What is chosen on validation rows: the temperature moves no decision, thresholds only where they are called for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.core import options
from headstart.core.types import Calibration, Target
from headstart.evaluation.metrics import evaluate
from headstart.targets._calibration import FEWEST_ROWS
from headstart.targets.binary import Binary
from metrics.oracle import calibration_error


def too_sure(target: Target, p: np.ndarray) -> np.ndarray:
    """Sharpen probabilities, as an overfitted network does."""
    sharp = p**3
    return sharp / (sharp + (1 - p) ** 3) if target.form == "labels" else sharp / sharp.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_temperature_helps_and_moves_no_decision(make, kind):
    target, y, p = make(kind, 600, 2 if kind == "binary" else 4)
    sharp = too_sure(target, p)
    got = target.calibrate(y[:300], sharp[:300])
    assert got.temperature is not None and got.temperature > 1.2
    after = target.scale(sharp[300:], got.temperature)
    assert np.array_equal(target.decide(after), target.decide(sharp[300:]))
    before = evaluate(target, y[300:], sharp[300:], resamples=0).metrics["log_loss"].value
    scaled = evaluate(target, y[300:], after, resamples=0).metrics["log_loss"].value
    assert before is not None and scaled is not None and scaled < before
    if kind != "multilabel":
        right = target.decide(after) == y[300:]
        assert calibration_error(after.max(axis=1), right) < calibration_error(sharp[300:].max(axis=1), right)


def test_decisions_stay_at_any_temperature(make):
    target, _, p = make("multiclass", 500, 5)
    near = np.float32(p) * 0 + np.float32(0.2) + np.float32(1e-7) * np.random.default_rng(0).integers(0, 9, p.shape)
    for outputs in (np.float32(p), near.astype(np.float32)):
        for temperature in (0.01, 0.5, 3.0, 100.0):
            scaled = target.scale(np.asarray(outputs), temperature)
            assert np.array_equal(scaled.argmax(axis=1), outputs.argmax(axis=1))


def test_few_rows_or_few_mistakes_give_no_temperature(make):
    target, y, p = make("multiclass", FEWEST_ROWS, 3)
    few = target.calibrate(y[:-1], p[:-1])
    assert few.temperature is None and "fewer than 50" in few.notes[0]
    perfect = target.calibrate(y, 0.8 * np.eye(3)[y] + 0.2 / 3)
    assert perfect.temperature is None and "0 mistakes" in perfect.notes[0]
    assert target.scale(p, perfect.temperature) is p


def test_a_regression_is_left_alone(make):
    target, y, p = make("regression", 80, 1)
    assert target.calibrate(y, p) == Calibration()


@pytest.mark.parametrize("rare", [0, 1])
def test_a_rare_class_of_a_binary_task_gets_a_threshold(rare):
    target = Binary(("y",), ("no", "yes"))
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.1).astype(np.int64)
    score = 1 / (1 + np.exp(-(3 * y - 3.5 + rng.normal(size=2000))))
    y, score = (y, score) if rare else (1 - y, 1 - score)
    p = np.stack([1 - score, score], axis=1)
    got = target.calibrate(y[:1000], p[:1000])
    assert list(got.thresholds) == ["yes"]
    scaled = target.scale(p[1000:], got.temperature)

    def f1(decided: np.ndarray) -> float:
        both = ((decided == rare) & (y[1000:] == rare)).sum()
        return 2 * both / ((decided == rare).sum() + (y[1000:] == rare).sum())

    assert f1(target.decide(scaled, got.thresholds)) > f1(target.decide(scaled)) + 0.05


def test_classes_of_equal_size_get_no_threshold(make):
    target, y, p = make("binary", 400)
    assert target.calibrate(y, p).thresholds == {}
    target, y, p = make("multiclass", 400, 3)
    assert target.calibrate(y, p).thresholds == {}


def test_labels_get_thresholds_where_there_are_rows_enough(make):
    target, y, p = make("multilabel", 300, 3)
    y[:, 2] = 0
    y[:4, 2] = 1
    got = target.calibrate(y, p)
    assert got.thresholds["c2"] == 0.5 and "c2" in got.notes[-1]
    assert got.thresholds["c0"] != 0.5


def test_it_goes_to_json_and_back(make):
    target, y, p = make("multilabel", 300, 3)
    got = target.calibrate(y, p)
    again = options.build(Calibration, json.loads(json.dumps(got.to_plain())), "test")
    assert again == got
    assert options.build(Calibration, json.loads(json.dumps(Calibration().to_plain())), "test") == Calibration()
