"""Claim: the backbone stays bit-identical, the side network starts as its copy and learns, and the blend joins them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.models.taps import example
from headstart.strategies.side_tuning import Side, SideTuning


@pytest.mark.parametrize("name", ["timm:test_vit", "digits:cnn", "vector:mlp"])
def test_the_side_network_learns_beside_the_backbone(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before, source = toys.snapshot(backbone), toys.source(name).eval()
    x = example(backbone) + 0.5
    assert torch.allclose(SideTuning().insert(backbone).get_submodule("net").eval()(x)["pooled"], source(x)["pooled"])
    assert torch.allclose(backbone.eval()(x)["pooled"], source(x)["pooled"], atol=1e-6)
    toys.train(tmp_path, model, data, SideTuning())
    assert all(torch.equal(backbone.state_dict()[name], tensor) for name, tensor in before.items())
    side = backbone.get_submodule("inserted_side_tuning")
    assert isinstance(side, Side) and side.blend != 0
    learnt = side.net.eval()(x)["pooled"]
    assert not torch.allclose(learnt, source(x)["pooled"])
    for blend, expected in ((50.0, source(x)["pooled"]), (-50.0, learnt)):
        side.blend.data.fill_(blend)
        assert torch.allclose(backbone.eval()(x)["pooled"], expected, atol=1e-5)


@pytest.mark.parametrize(("name", "key"), [("timm:test_vit", "tokens"), ("timm:test_resnet", "maps")])
def test_every_feature_is_blended(name: str, key: str) -> None:
    backbone = toys.source(name).eval()
    x = example(backbone) + 0.5
    with torch.no_grad():
        base = backbone(x)
        side = SideTuning().insert(backbone).eval()
        assert isinstance(side, Side)
        for parameter in side.net.parameters():
            parameter.add_(0.1)
        side.blend.fill_(1.0)
        other, blended, share = side.net(x), backbone(x), torch.sigmoid(side.blend)
    pairs = [(features[key][0], features["pooled"]) for features in (base, other, blended)]
    for one, two, mixed in zip(*pairs, strict=True):
        assert not torch.allclose(one, two)
        assert torch.allclose(mixed, share * one + (1 - share) * two, atol=1e-5)
