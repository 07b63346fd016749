"""Claim: with full fine-tuning every parameter moves, and the head moves faster."""

from __future__ import annotations

from pathlib import Path

import pytest

import toys
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
