"""Claim: exactly the scales and shifts of norm layers and the head move."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.strategies.norm_tuning import NormTuning


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit", "digits:cnn"])
def test_only_norms_move(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, NormTuning())
    parameters = {name for name, _ in backbone.named_parameters()}
    kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    norms = {name for name, module in backbone.named_modules() if isinstance(module, kinds)}
    assert norms
    assert toys.moved(before, backbone) & parameters == {
        f"{norm}.{part}" for norm in norms for part in ("weight", "bias")
    }


def test_a_backbone_without_norms() -> None:
    backbone = toys.tiny()
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    with pytest.raises(UsageError, match="norm_tuning needs norm layers with parameters; toy:tiny has none"):
        NormTuning().prepare(model)
