"""Two equal losses take the path of one under every rule; a loss times 1000 leaves that of a scale-invariant one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import Stage
from headstart.core.types import Batch, Loss, LossOptions, Objective
from headstart.inputs.vector import Vector
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Pair(Objective):
    """The task's loss; beside it the same one, or that of a head of its own for other classes, times a factor."""

    factor: float = 0.0
    same: bool = False
    forms: ClassVar[tuple[Any, ...]] = ("classes",)

    def modules(self, model: Any) -> nn.Module:
        return nn.Linear(model.backbone.dim, 2)

    def losses(self, model: Any, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        batch = batches["train"]
        features = model.features(batch.x)
        found = task_losses(model, features, batch, LossOptions())
        first = next(iter(found.values()))
        other = nn.functional.cross_entropy(extra(features["pooled"]), (batch.y > 0).long())
        if self.same:
            return {**found, "again": first}
        return {**found, "other": Loss(self.factor * other)} if self.factor else found


def path(folder: Path, objective: Pair, combine: str | None) -> dict[str, torch.Tensor]:
    """Train with steps that do not depend on the gradient's scale; return the weights of the network."""
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    choice = None if combine is None else Choice.parse(combine, "combine")
    stage = Stage(
        objective=Choice("dann"), combine=choice, steps=12, batch_size=8, lr=1e-2, optimiser="adamw", clip=0.0
    )
    toys.train(folder, model, data, "full", objective, stage=stage)
    return toys.snapshot(model)


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((tensor - other[name]).abs().max()) for name, tensor in one.items())


@pytest.mark.parametrize("on", ["features", "weights"])
@pytest.mark.parametrize("name", plugins.names("combine"))
def test_two_equal_losses_take_the_path_of_one(tmp_path: Path, name: str, on: str) -> None:
    made = plugins.build("combine", name, {"factors": (1.0, 1.0)} if name == "fixed" else {})
    if on == "weights" and not made.reads_gradients:
        pytest.skip("it reads no gradients")
    options = " factors=1,1" if name == "fixed" else f" on={on}" if made.reads_gradients else ""
    single = path(tmp_path / "one", Pair(), None)
    difference = apart(path(tmp_path / "two", Pair(same=True), name + options), single)
    assert difference < (2e-3 if name == "uncertainty" else 1e-4)  # whose scale moves from step to step


@pytest.mark.parametrize("rule", ["imtl_g", "imtl_g on=weights", "nash", "nash on=weights", "stch window=3"])
def test_a_loss_times_1000_changes_no_path_of_a_scale_invariant_rule(tmp_path: Path, rule: str) -> None:
    assert apart(*(path(tmp_path / str(f), Pair(factor=f), rule) for f in (1.0, 1000.0))) < 1e-4


def test_a_loss_times_1000_changes_the_path_of_others(tmp_path: Path) -> None:
    assert apart(*(path(tmp_path / str(f), Pair(factor=f), "mgda") for f in (1.0, 1000.0))) > 1e-2
