"""Claims: few rows of a class, or a high cost, take a linear probe; views that hide the label are not taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core.recipe import Recipe
from headstart.core.types import Card, Task
from headstart.data.rows import Dataset, Rows
from headstart.inputs.image import Image
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone
from headstart.runs.plan import make_plan


def rows(count: int) -> Dataset:
    x = np.zeros((count, 3), dtype=np.float32)
    train = Rows([str(i) for i in range(count)], x, {"target": np.arange(count) % 2})
    task = Task.of("vector", "binary", ("x",), ("y",), ("a", "b"))
    return Dataset(task, {"train": train}, {"train": train, "source": train, "target": train.unlabelled()})


@pytest.mark.parametrize(
    ("count", "pretrained", "settings", "expected", "why"),
    [
        (98, True, {}, "linear_probe", "49 training rows a class, fewer than 50"),
        (100, True, {}, "full", "50 training rows a class, not fewer than 50"),
        (10, False, {}, "full", "the network's weights are not all the source's"),
        (10, True, {"surgery": [{"name": "cut", "after": "x"}]}, "full", "not all the source's"),
        (10, True, {"stages.0.objective.name": "dann"}, "full", "the objective dann is to change the features"),
    ],
)
def test_the_default(count: int, pretrained: bool, settings: dict[str, object], expected: str, why: str) -> None:
    plan = make_plan(Recipe().with_settings(settings), rows(count), pretrained=pretrained)
    assert plan.recipe.stages[0].strategy is not None and plan.recipe.stages[0].strategy.name == expected
    assert any(note.startswith(f"strategy: {expected}, as ") and why in note for note in plan.notes)


def test_without_classes_all_rows_count() -> None:
    data = toys.dataset(Vector(6), "regression", 999)
    assert "999 training rows, fewer than 1,000" in make_plan(Recipe(), data).notes[0]


@pytest.mark.parametrize(("speed", "expected"), [(1e12, "full"), (1.0, "linear_probe")])
def test_cost_is_counted_in_operations(monkeypatch: pytest.MonkeyPatch, speed: float, expected: str) -> None:
    monkeypatch.setattr("headstart.runs.defaults.SPEED", {"cpu": speed, "cuda": speed})
    data = toys.dataset(Vector(6), rows=300)
    plan = make_plan(Recipe(), data, backbone=toys.tiny())
    assert plan.recipe.stages[0].strategy is not None and plan.recipe.stages[0].strategy.name == expected
    steps, cost = 400, 2 * (6 * 8 + 8 * 5) * 16 * 3  # of two linear layers, forwards and backwards
    assert expected == "full" or f"would take about {steps * cost / 60:.0f} minutes" in plan.notes[0]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "linear_probe"),
        ({"stages.0.steps": 400}, "full"),
        ({"stages.0.epochs": 40}, "full"),
        ({"budget": 1e6}, "full"),
        ({"budget": 600.0}, "linear_probe"),
    ],
)
def test_a_length_or_a_budget_that_was_asked_for_is_spent(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], expected: str
) -> None:
    monkeypatch.setattr("headstart.runs.defaults.SPEED", {"cpu": 3e3, "cuda": 3e3})  # about 1,100 s
    plan = make_plan(Recipe().with_settings(settings), toys.dataset(Vector(6), rows=300), backbone=toys.tiny())
    assert plan.recipe.stages[0].strategy is not None and plan.recipe.stages[0].strategy.name == expected


def test_a_named_strategy_is_taken_and_nothing_said() -> None:
    plan = make_plan(Recipe().with_settings({"stages.0.strategy.name": "bitfit"}), rows(10))
    assert plan.strategies[0] == toys.plugins.build("strategies", "bitfit", {}) and plan.notes == ()


class Brightness(Backbone):
    """Sees how bright each half of a picture is."""

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("toy:halves", "halves", 0, Image(8, 8), "toy", {}, sha256="0" * 64)
        self.dim = 2
        self.scale = torch.nn.Parameter(torch.ones(2))

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"scale": ("scale",)}

    def forward(self, x: torch.Tensor) -> Any:
        return {"pooled": self.scale * torch.stack([x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3))], dim=1)}


@pytest.mark.parametrize(("sided", "expected"), [(True, "plain"), (False, "weak")])
def test_a_view_that_hides_the_label_is_not_taken(sided: bool, expected: str) -> None:
    """Which half is bright does not survive a flip, whether the picture is bright does."""
    labels = np.arange(40) % 2
    bright = np.zeros((40, 8, 8, 3), dtype=np.uint8) + np.random.default_rng(0).integers(0, 20, (40, 1, 1, 1), np.uint8)
    bright[labels == 1, :, (4 if sided else 0) :] += 200
    bright[labels == 0, :, : (4 if sided else 0)] += 200
    train = Rows([str(i) for i in range(40)], list(bright), {"target": labels})
    data = Dataset(Task.of("image", "binary", ("x",), ("y",), ("a", "b")), {"train": train}, {"train": train})
    full = Recipe().with_settings({"stages.0.strategy.name": "full"})
    plan = make_plan(full, data, backbone=Brightness())
    assert plan.recipe.stages[0].augment == expected and "augment=" in plan.notes[0]
    named = make_plan(full.with_settings({"stages.0.augment": "weak"}), data, backbone=Brightness())
    assert named.recipe.stages[0].augment == "weak" and named.notes == ()
