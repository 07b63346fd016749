"""The bootstrap: coverage, comparison, McNemar's test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.evaluation import bootstrap
from headstart.evaluation.metrics import evaluate
from headstart.targets.binary import Binary

TARGET = Binary(("y",), ("no", "yes"))


def draw(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities whose true AUROC is Phi(1), whose true accuracy Phi(1 / sqrt(2)) = 0.7602."""
    y = rng.integers(0, 2, rows)
    z = np.sqrt(2) * (y - 0.5) + rng.normal(size=rows)
    p = 1 / (1 + np.exp(-z * np.sqrt(2)))
    return y, np.stack([1 - p, p], axis=1)


TRUE = {"accuracy": 0.76025, "auroc": 0.84134}


def coverage(trials: int, rows: int, resamples: int) -> dict[str, float]:
    hits = dict.fromkeys(TRUE, 0)
    for trial in range(trials):
        y, p = draw(np.random.default_rng(trial), rows)
        got = evaluate(TARGET, y, p, seed=trial, resamples=resamples)
        for name, true in TRUE.items():
            low, high = got.metrics[name].low, got.metrics[name].high
            assert low is not None and high is not None
            hits[name] += low <= true <= high
    return {name: count / trials for name, count in hits.items()}


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    assert all(0.85 <= share <= 1.0 for share in coverage(60, 150, 200).values())


@pytest.mark.slow
def test_intervals_cover_the_truth_95_times_in_100():
    shares = coverage(1000, 300, 500)
    print(f"share of 95 % intervals that hold the true value, 1000 trials of 300 rows: {shares}")
    for share in shares.values():
        assert 0.93 <= share <= 0.97  # 0.95 plus or minus three standard errors


def test_resamples_are_a_function_of_seed_and_number():
    whole = bootstrap.weights(50, range(10), 3)
    assert np.array_equal(whole[:, 4:7], bootstrap.weights(50, range(4, 7), 3))
    assert np.array_equal(whole.sum(axis=0), np.full(10, 50.0))
    assert not np.array_equal(whole, bootstrap.weights(50, range(10), 4))


def test_chunks_change_nothing(monkeypatch):
    y, p = draw(np.random.default_rng(0), 40)
    whole = evaluate(TARGET, y, p, resamples=50)
    monkeypatch.setattr(bootstrap, "CELLS", 40 * 7)
    cut = evaluate(TARGET, y, p, resamples=50)
    for name, interval in whole.metrics.items():
        assert (interval.low, interval.high) == pytest.approx((cut.metrics[name].low, cut.metrics[name].high))


def test_resamples_without_a_class_are_counted():
    y = np.array([1] + [0] * 9)
    p = np.tile([0.7, 0.3], (10, 1))
    got = evaluate(TARGET, y, p, resamples=500)
    note = next(note for note in got.details if note.startswith("auroc: undefined"))
    share = int(note.split()[3]) / 500
    assert share == pytest.approx(0.9**10, abs=0.08)


def test_pairs_are_narrower_than_two_intervals_apart():
    y, a = draw(np.random.default_rng(0), 400)
    b = np.clip(a * 0.9 + 0.1 * np.eye(2)[y], 0, 1)  # like a, always a little better
    got = bootstrap.paired(TARGET, y, a, b)
    alone = evaluate(TARGET, y, a).metrics["log_loss"]
    difference = got.differences["log_loss"]
    assert alone.low is not None and alone.high is not None
    assert difference.low is not None and difference.high is not None and difference.value is not None
    assert difference.low <= difference.value <= difference.high < 0
    assert difference.high - difference.low < 0.5 * (alone.high - alone.low)
    json.dumps(got.to_plain(), allow_nan=False)


def test_a_model_does_not_differ_from_itself(make):
    for kind in ("binary", "multiclass", "multilabel", "regression"):
        target, y, p = make(kind, 40, 2 if kind == "binary" else 3)
        got = bootstrap.paired(target, y, p, p, resamples=20)
        assert all((d.value, d.low, d.high) == (0, 0, 0) for d in got.differences.values())
        assert (got.mcnemar is None) == (kind in ("multilabel", "regression"))
        if got.mcnemar is not None:
            assert (got.mcnemar.only_a, got.mcnemar.only_b, got.mcnemar.p) == (0, 0, 1.0)


def test_differences_are_b_minus_a():
    y = np.array([0, 1, 0, 1])
    wrong, right = np.eye(2)[1 - y], np.eye(2)[y]
    got = bootstrap.paired(TARGET, y, wrong, right)
    assert got.differences["accuracy"].value == 1.0
    assert got.mcnemar is not None and (got.mcnemar.only_a, got.mcnemar.only_b) == (0, 4)
    assert got.mcnemar.p == pytest.approx(2 * 0.5**4)


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(5, 15, 0.0413894653), (0, 6, 0.03125), (10, 10, 1.0)])
def test_mcnemar_gives_known_values(only_a, only_b, p):
    right_a = np.array([True] * only_a + [False] * only_b + [True] * 30)
    right_b = np.array([False] * only_a + [True] * only_b + [True] * 30)
    got = bootstrap.mcnemar(right_a, right_b)
    assert (got.only_a, got.only_b) == (only_a, only_b)
    assert got.p == pytest.approx(p)
