"""Claims: validation takes the primary metric or the mean loss, `loss` the loss; with `last` nothing is measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Measured, Score, Task
from headstart.criteria.last import Last
from headstart.criteria.loss import ValidationLoss
from headstart.criteria.validation import Validation
from headstart.data.rows import Rows
from headstart.evaluation.quick import score
from headstart.inputs.vector import Vector
from headstart.runs.plan import make_plan
from headstart.targets.regression import Regression

STAGE = Stage(steps=6, batch_size=8, lr=1e-2, evaluate=2, patience=0)


@dataclasses.dataclass(frozen=True)
class Distance(Regression):
    """A target whose loss is the mean absolute difference."""

    columns: tuple[str, ...] = ("y",)

    def validation_loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        return float(np.abs(labels - outputs).mean())


def measured(labels: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Measured]:
    rows = Rows([str(i) for i in range(4)], np.zeros((4, 2)), {name: np.asarray(y) for name, y in labels.items()})
    return {"validation": Measured(rows, {name: np.asarray(out) for name, out in outputs.items()})}


def test_validation_takes_the_primary_metric_of_one_target() -> None:
    task = toys.task_for(Vector(6))
    outputs = np.eye(3)[[0, 1, 1, 1]]
    found = Validation().score(task, measured({"target": [0, 1, 2, 1]}, {"target": outputs}))
    assert found is not None and found[:3] == score(task.target, np.array([0, 1, 2, 1]), outputs)
    assert found[:3] == ("accuracy", 0.75, True) and found.loss is not None and len(found.parts) == 4


def test_of_several_targets_the_mean_of_their_losses_counts() -> None:
    distance: Any = Distance()
    task = Task("vector", ("x",), {"one": distance, "other": distance})
    given = measured({"one": [0, 0, 0, 0], "other": [1, 1, 1, 1]}, {"one": [1, 1, 1, 1], "other": [3, 3, 3, 3]})
    found = ValidationLoss(least=4).score(task, given)
    assert Validation(least=4).score(task, given) == found == Score("mean_loss", 1.5, False, None, (1.5,) * 4)
    alone = Task("vector", ("x",), {"one": distance})
    found = ValidationLoss().score(alone, given)
    assert found is not None and found[:3] == ("mean_loss", 1.0, False) and found.undecided


def train(
    folder: Path, criterion: Any, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[Any, Any, list[Event]]:
    """Train by a criterion, with validation rows at hand."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    if criterion is not None:
        monkeypatch.setattr("headstart.core.plugins.build", built(criterion))
    seen: list[Event] = []
    outcome = toys.train(folder, model, data, stage=STAGE, validate=True, listen=seen.append, **options)
    return toys.snapshot(model), outcome, seen


def built(criterion: Any) -> Any:
    from headstart.core import plugins

    build = plugins.build
    return lambda kind, name, values: criterion if kind == "criteria" else build(kind, name, values)


def test_with_last_nothing_is_measured_and_the_last_step_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, outcome, seen = train(tmp_path / "last", Last(), monkeypatch)
    assert outcome.best is None and outcome.endings == ("all steps done",)
    assert not [event for event in seen if event.kind == "evaluation"]
    assert not list((tmp_path / "last" / "checkpoints").glob("best-*"))
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path / "none", model, data, stage=STAGE)
    assert all(torch.equal(weights[name], tensor) for name, tensor in toys.snapshot(model).items())


@dataclasses.dataclass(frozen=True)
class Sometimes:
    """Scores that are given one after another; None is no score."""

    scores: tuple[float | None, ...]
    features: ClassVar[bool] = False
    asked: list[int] = dataclasses.field(default_factory=list)

    @property
    def pools(self) -> tuple[str, ...]:
        return ("validation",)

    def score(self, task: Any, given: Any) -> Score | None:
        assert list(given) == ["validation"] and given["validation"].features is None
        value = self.scores[len(self.asked)]
        self.asked.append(1)
        return None if value is None else Score("figure", value, True)


@pytest.mark.parametrize(("scores", "best"), [((None, 2.0, 1.0), 2.0), ((None, None, None), None)])
def test_without_a_score_a_step_is_not_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: tuple[float | None, ...], best: float | None
) -> None:
    _, outcome, seen = train(tmp_path, Sometimes(scores), monkeypatch)
    assert (outcome.best and outcome.best.value) == best
    told = [event.message for event in seen if event.kind == "evaluation"]
    assert told == [f"validation figure {value:.4f}" for value in scores if value is not None]
    ended = next(event.message for event in seen if event.message.startswith("training ended"))
    assert ("step 4 is taken" in ended) == (best == 2.0)


def test_another_criterion_in_a_later_stage_begins_anew(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    more = dataclasses.replace(STAGE, strategy=Choice("full"), augment="plain", criterion=Choice("last"))
    outcome = toys.train(tmp_path, model, data, stage=STAGE, more=(more,), validate=True)
    assert outcome.best is None, "the score of the first stage is not that of the last weights"


def test_the_recipe_names_a_criterion_or_leaves_it_to_the_objective() -> None:
    data = toys.dataset(Vector(6))
    plan = make_plan(Recipe(), data)
    assert plan.criteria == (Validation(),) and plan.recipe.stages[0].criterion is None
    plan = make_plan(Recipe().with_settings({"stages.0.criterion.name": "last"}), data)
    assert plan.criteria == (Last(),) and plan.recipe.stages[0].criterion == Choice("last")
