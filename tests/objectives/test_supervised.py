"""Claims: the supervised objective is the task's own loss, and it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import LossOptions, VectorInput
from headstart.objectives.supervised import Supervised


def loss(objective: Supervised, kind: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    data = toys.dataset(VectorInput(6), kind)
    model = toys.make_model(toys.tiny(), data)
    rows = data.splits["train"]
    x, y = torch.from_numpy(rows.inputs), torch.from_numpy(rows.y)
    out = objective.losses(model, nn.Module(), {"train": {"x": x, "y": y, "ids": list(rows.ids)}}, 0.0)
    return out["task"], model(x), y


def test_cross_entropy_with_smoothing_and_weights() -> None:
    got, out, y = loss(Supervised(label_smoothing=0.1, class_weights=(1.0, 2.0, 3.0)), "multiclass")
    assert torch.allclose(got, functional.cross_entropy(out, y, weight=torch.tensor([1.0, 2, 3]), label_smoothing=0.1))


def test_binary_cross_entropy_for_multilabel() -> None:
    got, out, y = loss(Supervised(), "multilabel")
    assert torch.allclose(got, functional.binary_cross_entropy_with_logits(out, y))


@pytest.mark.parametrize(("name", "reference"), [("mse", functional.mse_loss), ("huber", functional.huber_loss)])
def test_regression_in_units_of_the_labels_deviation(name: str, reference) -> None:
    got, out, y = loss(Supervised(loss=name), "regression")  # pyright: ignore[reportArgumentType]
    assert torch.allclose(got, reference(out, (y - y.mean()) / y.std(correction=0)), rtol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_it_learns(tmp_path: Path, kind: str) -> None:
    data = toys.dataset(VectorInput(6), kind)
    model = toys.make_model(toys.tiny(), data)
    before = loss_of(model, data)
    toys.train(tmp_path, model, data, stage=Stage(steps=60, batch_size=8, lr=1e-2, epochs=1))
    assert loss_of(model, data) < 0.7 * before


def loss_of(model, data) -> float:
    rows = data.splits["test"]
    return model.head.loss(model(torch.from_numpy(rows.inputs)), torch.from_numpy(rows.y)).item()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("regression", LossOptions("cross_entropy"), "does not fit a regression task. Fitting: mse, huber"),
        ("multiclass", LossOptions("mse"), "Fitting: cross_entropy"),
        ("multiclass", LossOptions(class_weights=(1.0,)), "class_weights has 1 numbers; the task has 3 classes"),
        ("regression", LossOptions(label_smoothing=0.1), "label_smoothing is for classes"),
    ],
)
def test_a_loss_that_does_not_fit(kind: str, options: LossOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        toys.task_for(VectorInput(6), kind).target.check_loss(options)
