"""Claims: each way of making up for rare classes follows its equation, helps a rare class.

Is refused where it does not fit.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import LossOptions
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.runs.plan import make_plan
from headstart.targets._balance import balance_classes, balance_labels
from headstart.targets._outputs import ClassOutput, LabelsOutput

TARGETS = np.array([0] * 90 + [1] * 10)


def test_weights_are_by_the_effective_number_and_1_on_average() -> None:
    weights = np.array(balance_classes("weights", TARGETS, 2).weights)
    base = 0.99
    effective = (1 - base ** np.array([90, 10])) / (1 - base)
    assert weights[1] / weights[0] == pytest.approx(effective[0] / effective[1])
    assert weights[TARGETS].mean() == pytest.approx(1)


def test_logit_adjustment_adds_the_log_frequencies_in_training_only() -> None:
    output = ClassOutput(2)
    output.rebalance("logit_adjust", TARGETS)
    out, y = torch.randn(6, 2), torch.tensor([0, 1, 0, 1, 1, 0])
    shifted = out + torch.tensor([math.log(0.9), math.log(0.1)])
    assert torch.allclose(output.loss(out, y, LossOptions()), functional.cross_entropy(shifted, y))
    assert torch.equal(output.decode(out), out.softmax(1))


def test_focal_loss_is_its_equation() -> None:
    output = ClassOutput(2)
    output.rebalance("focal", TARGETS)
    out, y = torch.randn(6, 2), torch.tensor([0, 1, 0, 1, 1, 0])
    p = out.softmax(1)[torch.arange(6), y]
    assert torch.allclose(output.loss(out, y, LossOptions()), (-((1 - p) ** 2) * p.log()).mean())
    several = LabelsOutput()
    labels = torch.nn.functional.one_hot(y, 2).float()
    several.rebalance("focal", labels.numpy())
    q = torch.where(labels > 0, out.sigmoid(), 1 - out.sigmoid())
    assert torch.allclose(several.loss(out, labels, LossOptions()), (-((1 - q) ** 2) * q.log()).mean(), atol=1e-6)


def test_weights_of_labels_multiply_the_positives() -> None:
    labels = np.stack([TARGETS, 1 - TARGETS], axis=1).astype(np.float32)
    weights = balance_labels("weights", labels).weights
    assert weights[0] > 3 and weights[0] * weights[1] == pytest.approx(1)


def test_nothing_is_changed_by_none_and_sampler() -> None:
    for kind in ("none", "sampler"):
        assert balance_classes(kind, TARGETS, 2) == balance_classes("none", TARGETS, 2)


def imbalanced(rows: int = 200, seed: int = 0, *, even: bool = False) -> Rows:
    """Two overlapping classes; 1 in 20 rows is of the second one."""
    rng = np.random.default_rng([seed, even])
    y = np.arange(rows) % 2 if even else (np.arange(rows) % 20 == 0).astype(np.int64)
    x = rng.normal(size=(rows, 6)) + 1.2 * y[:, None] * np.eye(6)[0]
    return Rows([f"{seed}-{i}" for i in range(rows)], x.astype(np.float32), {"target": y.astype(np.int64)})


def recall_of_the_rare_class(folder: Path, imbalance: str) -> float:
    train, test = imbalanced(), imbalanced(2000, 1, even=True)
    data = Dataset(toys.task_for(Vector(6), "binary"), {"train": train, "validation": test}, {"train": train})
    model = toys.make_model(toys.tiny(), data)
    stage = Stage(steps=150, batch_size=32, lr=1e-2, imbalance=imbalance)  # pyright: ignore[reportArgumentType]
    toys.train(folder, model, data, stage=stage)
    with torch.no_grad():
        found = model(torch.from_numpy(test.inputs)).argmax(1).numpy()
    assert test.y is not None
    return float(found[test.y == 1].mean())


@pytest.mark.slow
def test_the_rare_class_is_found_more_often(tmp_path: Path) -> None:
    plain = recall_of_the_rare_class(tmp_path, "none")
    found = {kind: recall_of_the_rare_class(tmp_path, kind) for kind in ("weights", "sampler", "logit_adjust")}
    assert all(recall > plain + 0.1 for recall in found.values()), (plain, found)


def plan(kind: str, task: str, objective: str = "supervised", **options: object) -> tuple[str, tuple[str, ...]]:
    data = toys.dataset(Vector(6), task)  # pyright: ignore[reportArgumentType]
    if task == "binary":
        train = imbalanced()
        data = dataclasses.replace(data, splits={"train": train}, pools={"train": train})
    settings = {"stages.0.imbalance": kind, "stages.0.objective.name": objective, "stages.0.strategy.name": "full"}
    settings |= {f"stages.0.objective.{name}": value for name, value in options.items()}
    made = make_plan(Recipe().with_settings(settings), data)
    return made.recipe.stages[0].imbalance, made.notes


def test_auto_chooses_and_says_why() -> None:
    assert plan("auto", "binary") == ("logit_adjust", ("imbalance: logit_adjust, as a has 190 rows, b has 10",))
    chosen, notes = plan("auto", "multiclass")
    assert (chosen, notes[0]) == ("none", "imbalance: none, as a has 8 rows, c has 8")
    assert plan("auto", "multilabel")[0] == "none"
    assert plan("auto", "regression")[0] == "none"
    assert plan("auto", "multiclass", class_weights=[1, 2, 3])[0] == "none"


@pytest.mark.parametrize(
    ("kind", "task", "message"),
    [
        ("weights", "regression", "is for classes; this task is a regression"),
        ("sampler", "multilabel", "needs rows of one class each"),
        ("logit_adjust", "multilabel", "needs rows of one class each"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, task: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(kind, task)


def test_two_ways_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="class_weights and imbalance 'focal' both"):
        plan("focal", "multiclass", class_weights=[1, 2, 3])
