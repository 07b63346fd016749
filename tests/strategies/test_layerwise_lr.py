"""Claim: a step of plain gradient descent moves each stage, for its gradient, `decay` times as far as the one above."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import Strategy
from headstart.inputs.vector import Vector
from headstart.strategies.full import Full
from headstart.strategies.layerwise_lr import LayerwiseLr


def step(folder: Path, strategy: Strategy) -> dict[str, torch.Tensor]:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    before = toys.snapshot(model)
    stage = Stage(steps=1, batch_size=24, lr=0.1, optimiser="sgd", warmup=0.0, weight_decay=0.0, clip=0.0)
    toys.train(folder, model, data, strategy, stage=stage)
    return {name: tensor - before[name] for name, tensor in model.state_dict().items()}


def test_steps_shrink_towards_the_input(tmp_path: Path) -> None:
    full, layerwise = step(tmp_path, Full(head_lr=4)), step(tmp_path, LayerwiseLr(decay=0.5, head_lr=4))
    for name, share in [
        ("backbone.first.weight", 0.5),
        ("backbone.second.weight", 1.0),
        ("heads.target.trunk.weight", 1),
    ]:
        assert full[name].abs().max() > 0
        assert torch.allclose(layerwise[name], share * full[name], rtol=1e-3, atol=1e-7)


def test_every_stage_of_a_deep_network_has_its_rate() -> None:
    backbone = toys.source("timm:test_vit")
    groups = LayerwiseLr(decay=0.5).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input))).groups
    assert [group.lr_scale for group in groups] == [0.5**i for i in range(6, -1, -1)] + [10.0]


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="above 0"):
        LayerwiseLr(decay=1.5)
