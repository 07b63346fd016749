"""Boosted trees as a head: scikit-learn's numbers from tensors, a size chosen by cross-validation, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from threadpoolctl import threadpool_info, threadpool_limits

import headstart as hs
from headstart.core.errors import UsageError
from headstart.core.types import Features, LossOptions, Solving, Task
from headstart.models.heads.boosting import Boosting, Forest
from headstart.solvers import boosting
from headstart.solvers.boosting import Labels, _Grown, boost
from models.heads.contract import CLASSES, NUMBERS, check_head

USUAL = LossOptions()
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4)).astype(np.float32)
SUM = X[:, 0] + np.abs(X[:, 1])
FORMS = {
    "two classes": Labels("one", (SUM > 0.5).astype(np.int64), np.ones(120), 2),
    "classes": Labels("one", np.digitize(SUM, [0, 1]), np.ones(120), 4),  # the last one has no rows
    "labels": Labels("any", np.stack([SUM > 0, X[:, 2] > 0, SUM < 99], 1).astype(np.float32), np.ones((120, 3)), 3),
    "values": Labels("values", np.stack([SUM, X[:, 3] ** 2], 1), np.ones((120, 2)), 2),
}


@pytest.fixture(autouse=True)
def as_many_trees_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "MOST_ROUNDS", 200)
    monkeypatch.setattr(boosting, "LEAST_ROUNDS", 50)


def test_it_is_a_head_without_trees_at_first() -> None:
    check_head(Boosting)


@pytest.mark.parametrize("name", FORMS)
def test_tensors_give_what_scikit_learn_gives(name: str) -> None:
    x = X.copy()
    x[::7, 0] = np.nan
    grown = _Grown(x, FORMS[name], leaves=8, seed=0)
    grown.grow(12)
    *_, expected = grown.staged(x)
    forest = Forest(FORMS[name].outputs)
    forest.take(grown.trees())
    found = forest(torch.from_numpy(x)).detach().numpy()
    assert np.abs(found - expected).max() < 1e-5
    assert np.ptp(found[:, 0] if name == "values" else found[:, 1]) > 1, "the trees say nothing"


def test_a_threshold_between_neighbours_keeps_them_apart() -> None:
    low = np.nextafter(np.float32(1.0), np.float32(2))  # halfway to the next one is rounded up
    x = np.repeat(np.array([[low], [np.nextafter(low, np.float32(2))]], dtype=np.float32), 20, axis=0)
    labels = Labels("values", np.repeat([[0.0], [1.0]], 20, axis=0), np.ones((40, 1)), 1)
    forest = Forest(1)
    grown = _Grown(x, labels, leaves=3, seed=0)
    grown.grow(60)
    forest.take(grown.trees())
    found = forest(torch.from_numpy(x)).detach().numpy()[:, 0]
    assert found[:20].max() < 0.1 < 0.9 < found[20:].min()


def test_what_a_row_gets_out_of_fold_knows_nothing_of_its_label() -> None:
    noise = Labels("one", RANDOM.integers(2, size=120), np.ones(120), 2)
    found = boost(X, noise, seed=0)
    assert 0.3 < (found.out_of_fold.argmax(axis=1) == noise.values).mean() < 0.7
    known = boost(X, FORMS["two classes"], seed=0)
    assert (known.out_of_fold.argmax(axis=1) == FORMS["two classes"].values).mean() > 0.8
    groups = [str(place) for place in np.repeat(np.arange(60), 2)]
    twice = Labels("one", np.repeat(RANDOM.integers(2, size=60), 2), np.ones(120), 2)
    same = np.repeat(X[:60], 2, axis=0)
    assert (boost(same, twice, seed=0, groups=groups).out_of_fold.argmax(axis=1) == twice.values).mean() < 0.75


def test_trees_are_grown_until_more_do_not_help_and_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    threads: set[int] = set()

    class Watched(_Grown):
        def grow(self, rounds_now: int) -> None:
            super().grow(rounds_now)
            rounds.append(rounds_now)

        def staged(self, features: np.ndarray) -> Any:
            threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
            return super().staged(features)

    monkeypatch.setattr(boosting, "_Grown", Watched)
    monkeypatch.setattr(boosting, "LEAVES", (3,))
    with threadpool_limits(2, user_api="openmp"):
        boost(X, Labels("one", RANDOM.integers(2, size=120), np.ones(120), 2), seed=0)
    assert max(rounds) == boosting.AT_ONCE, "of noise, nothing more is learnt"
    assert threads == {1}
    rounds.clear()
    boost(X, FORMS["values"], seed=0)
    assert max(rounds) > boosting.AT_ONCE


@pytest.mark.slow
def test_rare_classes_are_made_up_for() -> None:
    labels = (SUM > 1.8).astype(np.int64)
    given = {kind: _answers(kind, labels) for kind in ("none", "weights", "logit_adjust")}
    assert given["weights"].mean() > given["none"].mean()
    assert given["logit_adjust"].mean() > given["none"].mean()


def _answers(imbalance: str, labels: np.ndarray) -> np.ndarray:
    head: Any = Boosting().build(4, Task.of("vector", "binary", ("x",), ("y",), ("no", "yes")).target)
    head.output.rebalance(imbalance, labels)
    solved = head.solve(X, labels, Solving(USUAL, imbalance))
    assert solved.out_of_fold.shape == (120, 2)
    return head.decode(head(Features(pooled=torch.from_numpy(X))))[:, 1].detach().numpy()


def test_values_come_in_the_unit_of_the_labels() -> None:
    head: Any = Boosting().build(4, NUMBERS)
    labels = np.stack([1000 + 100 * SUM, X[:, 3]], axis=1).astype(np.float32)
    head.output.start(labels)
    head.solve(X, labels, Solving(USUAL))
    found = head.decode(head(Features(pooled=torch.from_numpy(X)))).detach().numpy()
    assert np.corrcoef(found[:, 0], labels[:, 0])[0, 1] > 0.95
    assert 900 < found[:, 0].mean() < 1300


def test_a_run_saves_trees_of_any_number_and_loads_them(tmp_path: Path) -> None:
    frame: Any = load_wine(as_frame=True)
    table = frame.frame[["alcohol", "flavanoids", "target"]]
    run = hs.fit(
        table, source="vector:columns", head="boosting", out=tmp_path / "run", settings={"data.task": "multiclass"}
    )
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) > 0.75
    predictor = hs.load(run.folder)
    assert len(predictor.model.head.trunk.output) > 3  # pyright: ignore[reportArgumentType]
    again = predictor.predict_proba(table.drop(columns="target"))
    assert again.shape == (178, 3)
    with pytest.raises(UsageError, match="trees"):
        hs.soup([run.folder, run.folder], out=tmp_path / "soup")


@pytest.mark.parametrize("settings", [{"stages.0.strategy": "full"}, {"stages.0.optimiser": "adamw"}])
def test_it_is_not_trained_by_steps(settings: dict[str, str], tmp_path: Path) -> None:
    data = load_diabetes(return_X_y=True)
    with pytest.raises(UsageError, match="cannot be trained by steps"):
        hs.fit(data, source="vector:columns", head="boosting", settings=settings, out=tmp_path / "run")


def test_soft_labels_are_not_for_trees() -> None:
    head: Any = Boosting().build(4, CLASSES)
    assert head.solves(Solving(USUAL))
    assert not head.solves(Solving(LossOptions(label_smoothing=0.1)))
