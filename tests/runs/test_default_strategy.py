"""Claim: where no strategy is named, few rows and a pretrained source take a linear probe, everything else `full`."""

from __future__ import annotations

import numpy as np
import pytest

import toys
from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.data.rows import Dataset, Rows
from headstart.runs.plan import make_plan


def rows(count: int) -> Dataset:
    x = np.zeros((count, 3), dtype=np.float32)
    train = Rows([str(i) for i in range(count)], x, {"target": np.arange(count) % 2})
    task = Task.of("vector", "binary", ("x",), ("y",), ("a", "b"))
    return Dataset(task, {"train": train}, {"train": train, "source": train, "target": train.unlabelled()})


@pytest.mark.parametrize(
    ("count", "pretrained", "settings", "expected", "why"),
    [
        (999, True, {}, "linear_probe", "999 training rows, fewer than 1,000"),
        (1000, True, {}, "full", "1,000 training rows, not fewer than 1,000"),
        (10, False, {}, "full", "the network's weights are not all the source's"),
        (10, True, {"surgery": [{"name": "cut", "after": "x"}]}, "full", "not all the source's"),
        (10, True, {"stages.0.objective.name": "dann"}, "full", "the objective dann is to change the features"),
    ],
)
def test_the_default(count: int, pretrained: bool, settings: dict[str, object], expected: str, why: str) -> None:
    plan = make_plan(Recipe().with_settings(settings), rows(count), pretrained=pretrained)
    assert plan.recipe.stages[0].strategy is not None and plan.recipe.stages[0].strategy.name == expected
    assert any(note.startswith(f"strategy: {expected}, as ") and why in note for note in plan.notes)


def test_a_named_strategy_is_taken_and_nothing_said() -> None:
    plan = make_plan(Recipe().with_settings({"stages.0.strategy.name": "bitfit"}), rows(10))
    assert plan.strategies[0] == toys.plugins.build("strategies", "bitfit", {}) and plan.notes == ()
