"""Claim: the backbone's weights stay; adapters start as nothing, learn, and stay through later stages and on load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import toys
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.models.load import rebuild
from headstart.models.taps import example
from headstart.strategies.bottleneck import Adapter, Bottleneck


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_resnet", "vector:mlp"])
def test_only_adapters_move(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    x, before = example(backbone), toys.snapshot(backbone)
    pooled = backbone.eval()(x)["pooled"]
    stages = backbone.stages()
    Bottleneck(width=4).insert(backbone)
    assert torch.equal(backbone(x)["pooled"], pooled), "adapters are nothing at first"
    assert backbone.stages() == stages
    toys.train(tmp_path, model, data, Bottleneck(width=4))
    own = {n: t for n, t in backbone.state_dict().items() if not n.startswith("inserted")}
    assert all(torch.equal(own[n], before[n]) for n in before)
    assert len(backbone.inserted_bottleneck) == len(stages)  # pyright: ignore[reportArgumentType]
    assert not torch.equal(backbone.eval()(x)["pooled"], pooled)


@pytest.mark.parametrize(("shape", "axis"), [((2, 5), 1), ((2, 3, 5), 2), ((2, 5, 3, 3), 1), ((2, 3, 3, 5), 3)])
def test_an_adapter_works_along_the_channels(shape: tuple[int, ...], axis: int) -> None:
    adapter, hidden = Adapter(5, 2, axis), torch.randn(shape)
    torch.nn.init.ones_(adapter.up.bias)
    assert torch.equal(adapter(hidden), hidden + 1)
    torch.nn.init.normal_(adapter.up.weight)
    changed = hidden.clone()
    changed.select(axis, 0)[0] += 1  # of the first example
    assert torch.equal(adapter(changed)[1], adapter(hidden)[1])
    assert adapter(hidden).shape == shape


def test_later_stages_and_runs_keep_the_adapters(tmp_path: Path) -> None:
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    more = tuple(
        Stage(strategy=Choice(name, options), steps=2, batch_size=8)
        for name, options in (("full", {}), ("bottleneck", {"width": 4}), ("scratch", {}), ("partial", {}))
    )
    toys.train(tmp_path, model, data, Bottleneck(width=4), more=more)
    assert backbone.card.inserted == ({"name": "bottleneck", "width": 4},)
    again = rebuild(backbone.card)
    assert set(again.state_dict()) == set(backbone.state_dict()) and again.card == backbone.card


def test_other_options_are_refused() -> None:
    backbone = toys.source("digits:cnn")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    Bottleneck(width=4).prepare(model)
    with pytest.raises(UsageError, match=r"has modules of 'bottleneck' already, made with .*'width': 4"):
        Bottleneck(width=5).prepare(model)
