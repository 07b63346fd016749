"""Agreement of tasks by hand: two weights in common, one row a task, squared losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.types import Batch, Card, LossOptions, Task
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone, Model
from headstart.selection.agreement import LENGTH, Agreement, agreement
from headstart.strategies.linear_probe import LinearProbe
from headstart.strategies.partial import Partial

Row = tuple[tuple[float, float], float]


class Weighted(Backbone):
    """Two numbers times two weights, (3, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.card, self.dim = Card("toy:weighted", "weighted", 0, Vector(2), "toy", {}), 2
        self.w = nn.Parameter(torch.tensor([3.0, 4.0]))

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"w": ("w",)}

    def forward(self, x: torch.Tensor) -> Any:
        return {"pooled": self.w * x}


def compared(rows: Mapping[str, Row], steps: int = 1, strategy: Any = None) -> tuple[Agreement, Model]:
    """Compare tasks that predict w · x, each by its row."""
    target = Task.of("vector", "regression", ("x",), ("y",), ()).target
    heads = {name: plugins.build("heads", "linear", {}).build(2, target) for name in rows}
    for head in heads.values():
        nn.init.ones_(head.trunk.weight)
    model = Model(Weighted(), heads)
    batches = {
        name: Batch(["r"], {"x": torch.tensor([x])}, {name: torch.tensor([[y]])}) for name, (x, y) in rows.items()
    }
    return agreement(model, strategy or Partial(), [batches] * steps, LossOptions()), model


def test_equal_tasks_agree_and_opposite_ones_do_not() -> None:
    found, _ = compared({"one": ((1, 0), 2), "same": ((1, 0), 2), "against": ((1, 0), 5)})  # errors 1, 1 and -2
    assert found.cosine == pytest.approx(np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]]), abs=1e-6)


def test_the_lookahead_is_the_relative_fall_of_a_loss_by_a_step_for_another_task() -> None:
    found, _ = compared({"one": ((1, 0), 2), "against": ((1, 0), 5), "apart": ((0, 1), 2)})
    step = LENGTH * 5  # of the weights' norm
    ahead = np.array(
        [
            [1 - (1 - step) ** 2, 1 - (2 + step) ** 2 / 4, 0],
            [1 - (1 + step) ** 2, 1 - (2 - step) ** 2 / 4, 0],
            [0, 0, 1 - (2 - step) ** 2 / 4],
        ]
    )
    assert found.lookahead == pytest.approx(ahead, abs=2e-6)
    assert found.cosine[2] == pytest.approx([0, 0, 1]), "other weights"


def test_a_step_for_all_tasks_is_taken_after_each_was_tried() -> None:
    found, model = compared({"one": ((1, 0), 2), "apart": ((0, 1), 2)}, steps=2)
    w = np.array([3.0, 4.0])
    falls = []
    for _ in range(2):
        step = LENGTH * np.linalg.norm(w)
        falls.append(1 - (w[0] - step - 2) ** 2 / (w[0] - 2) ** 2)
        w = w - step * np.array([1, 1]) / np.sqrt(2)
    weights = model.backbone.w
    assert isinstance(weights, nn.Parameter)
    assert weights.detach().numpy() == pytest.approx(w, rel=1e-6)
    assert found.lookahead[0, 0] == pytest.approx(np.mean(falls), abs=2e-6)


def test_a_rescaled_loss_agrees_as_before() -> None:
    rows: dict[str, Row] = {"one": ((1, 0), 2), "other": ((1, 1), 6)}
    small, _ = compared(rows)
    large, _ = compared(rows | {"other": ((100, 100), 600)})  # its loss times 10,000
    assert large.cosine == pytest.approx(small.cosine, abs=1e-6)
    assert large.lookahead == pytest.approx(small.lookahead, abs=2e-5)


def test_a_task_that_is_learnt_takes_no_step() -> None:
    found, _ = compared({"one": ((1, 0), 2), "learnt": ((0, 1), 4)})
    assert found.cosine[1].tolist() == [0, 0] and found.lookahead[1].tolist() == [0, 0]


def test_a_strategy_that_leaves_the_network_as_it_is_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing in the network learns"):
        compared({"one": ((1, 0), 2), "other": ((0, 1), 2)}, strategy=LinearProbe())
