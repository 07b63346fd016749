"""Claim: with full fine-tuning every parameter moves, and the head moves faster."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.runs.defaults import rate
from headstart.runs.plan import make_plan
from headstart.strategies.full import Full


@pytest.mark.parametrize("name", ["timm:test_resnet", "vector:mlp"])
def test_everything_moves(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, "full")
    assert {name for name, _ in model.named_parameters()} <= toys.moved(before, model)


def test_the_head_has_its_own_rate() -> None:
    backbone = toys.source("vector:mlp")
    groups = Full(head_lr=7).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input))).groups
    assert [group.lr_scale for group in groups] == [1.0, 7]


def test_a_transformer_learns_at_a_lower_rate_and_a_named_one_stays() -> None:
    def planned(source: str, strategy: str = "full", lr: float | None = None) -> float | None:
        backbone = toys.source(source)
        recipe = Recipe(source=Choice(source), stages=(Stage(strategy=Choice(strategy), lr=lr),))
        return make_plan(recipe, toys.dataset(backbone.card.input), backbone=backbone).recipe.stages[0].lr

    assert planned("timm:test_vit") == 5e-5
    assert planned("timm:test_resnet") == planned("vector:mlp") == 3e-4
    assert planned("timm:test_vit", lr=2e-4) == 2e-4
    assert planned("timm:test_vit", "l2_sp") == planned("timm:test_vit", "partial") == 5e-5


@pytest.mark.parametrize("norm", [torch.nn.LayerNorm, torch.nn.RMSNorm])
def test_a_norm_layer_is_known_under_another_name(norm: type[torch.nn.Module]) -> None:
    backbone = toys.tiny()
    assert rate(Full.defaults, backbone) == 3e-4
    backbone.add_module("last", type("Scale", (norm,), {})(5))
    assert rate(Full.defaults, backbone) == 5e-5
