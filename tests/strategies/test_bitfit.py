"""Claim: exactly the biases and the head move, a small share of the parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.strategies.bitfit import Bitfit


@pytest.mark.parametrize("name", ["timm:test_vit", "digits:cnn", "vector:mlp"])
def test_only_biases_move(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Bitfit())
    sizes = {name: p.numel() for name, p in backbone.named_parameters()}
    moved = toys.moved(before, backbone) & set(sizes)
    assert moved == {name for name in sizes if name.endswith(".bias")}
    assert sum(sizes[name] for name in moved) < 0.15 * sum(sizes.values())


def test_a_backbone_without_biases() -> None:
    backbone = toys.tiny()
    backbone.first, backbone.second = nn.Linear(6, 8, bias=False), nn.Linear(8, 5, bias=False)
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    with pytest.raises(UsageError, match="bitfit needs biases; toy:tiny has none"):
        Bitfit().prepare(model)
