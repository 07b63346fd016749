"""What a head's numbers mean for each kind of task."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from headstart.core.errors import UsageError
from headstart.core.types import LossOptions, Task
from headstart.targets._outputs import ValuesOutput

CLASSES = Task.of("text", "multiclass", ("text",), ("label",), ("a", "b"))
MANY = Task.of("text", "multilabel", ("text",), ("a", "b"), ("a", "b"))
NUMBERS = Task.of("vector", "regression", ("x",), ("price", "age"))


def test_classes():
    output: Any = CLASSES.target.output()
    y = torch.tensor([0, 1])
    assert output.loss(torch.zeros(2, 2), y, LossOptions()).item() == pytest.approx(math.log(2))
    smooth = output.loss(torch.tensor([[9.0, -9.0]]), torch.tensor([0]), LossOptions(label_smoothing=0.2))
    assert smooth.item() == pytest.approx(0.1 * 18, abs=1e-3)
    assert output.decode(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]


def test_many_labels():
    output: Any = MANY.target.output()
    y = torch.tensor([[1.0, 0.0]])
    assert output.loss(torch.zeros(1, 2), y, LossOptions()).item() == pytest.approx(math.log(2))
    assert output.loss(torch.zeros(1, 2), y, LossOptions(class_weights=(3, 1))).item() == pytest.approx(2 * math.log(2))
    sure, softplus = torch.tensor([[2.0, -1.0]]), torch.nn.functional.softplus
    exact = (softplus(torch.tensor(-2.0)) + softplus(torch.tensor(-1.0))).item() / 2
    assert output.loss(sure, y, LossOptions()).item() == pytest.approx(exact)
    moved = exact + 0.1 * (2 + 1) / 2  # each label a tenth towards the other side
    assert output.loss(sure, y, LossOptions(label_smoothing=0.2)).item() == pytest.approx(moved)
    assert output.decode(torch.tensor([[0.0, 100.0]])).tolist() == [[0.5, 1.0]]


def test_regression_is_in_the_labels_own_unit():
    output: Any = NUMBERS.target.output()
    assert isinstance(output, ValuesOutput)
    y = torch.tensor([[100.0, 1.0], [300.0, 3.0]])
    output.start(y.numpy())
    assert output.decode(torch.tensor([[1.0, -1.0]])).tolist() == [[300.0, 1.0]]
    assert output.loss(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), y, LossOptions()).item() == pytest.approx(0)
    assert output.loss(torch.zeros(2, 2), y, LossOptions(loss="huber")).item() == pytest.approx(0.5)


def test_a_constant_target_does_not_divide_by_zero():
    output = ValuesOutput(1)
    output.start(np.full((5, 1), 7.0, dtype=np.float32))
    assert output.decode(torch.zeros(1, 1)).item() == 7.0
    assert math.isfinite(output.loss(torch.zeros(5, 1), torch.full((5, 1), 7.0), LossOptions()).item())


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (CLASSES, LossOptions(loss="mse"), "does not fit a multiclass task. Fitting: cross_entropy"),
        (NUMBERS, LossOptions(loss="cross_entropy"), "Fitting: mse, huber"),
        (CLASSES, LossOptions(class_weights=(1, 2, 3)), "has 3 numbers; the task has 2 classes"),
        (NUMBERS, LossOptions(label_smoothing=0.1), "label_smoothing is for classes"),
    ],
)
def test_losses_that_do_not_fit(task, options, message):
    with pytest.raises(UsageError, match=message):
        task.target.check_loss(options)


def test_losses_that_fit():
    NUMBERS.target.check_loss(LossOptions(loss="huber"))
    CLASSES.target.check_loss(LossOptions(label_smoothing=0.1, class_weights=(1, 2)))
