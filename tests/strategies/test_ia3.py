"""Claim: every weight is rescaled, one number an output; nothing else of the backbone moves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.strategies._weights import weights_of
from headstart.strategies.ia3 import Ia3, Rescaled


@pytest.mark.parametrize("name", ["timm:test_vit", "digits:cnn"])
def test_outputs_are_rescaled(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Ia3())
    adapted = {f"{weight.name}.weight" for weight in weights_of(backbone)}
    assert toys.moved(before, backbone) & {n for n, _ in backbone.named_parameters()} == adapted
    for name in adapted:
        ratio = (backbone.state_dict()[name] / before[name]).flatten(1)
        assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-4)
        assert not torch.allclose(ratio, torch.ones_like(ratio), atol=1e-4)


def test_a_weight_with_its_outputs_last() -> None:
    assert Rescaled(torch.randn(4, 6), axis=1).scale.shape == (1, 6)
