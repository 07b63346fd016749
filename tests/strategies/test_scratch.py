"""Claim: from scratch nothing of the source's weights is left, and the seed decides the new ones."""

from __future__ import annotations

import torch

import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import torch_seeded
from headstart.models.model import Model
from headstart.runs.plan import make_plan
from headstart.strategies.scratch import Scratch


def weights_after(fill: float | None, seed: int) -> dict[str, torch.Tensor]:
    backbone = toys.source("timm:test_resnet")
    if fill is not None:
        for parameter in backbone.parameters():
            parameter.data.fill_(fill)
    model: Model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    with torch_seeded(seed):
        Scratch().prepare(model)
    return toys.snapshot(model.backbone)


def test_the_result_does_not_depend_on_the_source() -> None:
    one, other = weights_after(None, 0), weights_after(7.0, 0)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_seed_decides() -> None:
    one, other = weights_after(None, 0), weights_after(None, 1)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_network_with_batch_norm_takes_a_larger_rate_and_a_named_one_stays() -> None:
    def planned(source: str, lr: float | None = None) -> float | None:
        backbone = toys.source(source)
        recipe = Recipe(source=Choice(source), stages=(Stage(strategy=Choice("scratch"), lr=lr),))
        data = toys.dataset(backbone.card.input)
        return make_plan(recipe, data, backbone=backbone).recipe.stages[0].lr

    assert planned("timm:test_resnet") == 1e-2 and planned("timm:test_vit") == 1e-3
    assert planned("timm:test_resnet", 2e-4) == 2e-4
