"""Claim: each weight changes by a matrix of the given rank; merging leaves the plain network and its predictions."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import toys
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import Card
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone, Head, Model
from headstart.strategies._weights import LowRank, weights_of
from headstart.strategies.lora import Lora

TARGET: Any = SimpleNamespace(outputs=8, output=nn.Identity)


@pytest.mark.parametrize("name", ["timm:test_vit", "digits:cnn", "vector:mlp"])
def test_changes_have_a_low_rank_and_nothing_else_moves(tmp_path: Path, name: str) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Lora(rank=2))
    assert set(backbone.state_dict()) == set(before)
    adapted = {f"{weight.name}.{weight.tensor}" for weight in weights_of(backbone)}
    assert toys.moved(before, backbone) & {n for n, _ in backbone.named_parameters()} == adapted
    for name in adapted:
        change = (backbone.state_dict()[name] - before[name]).flatten(1)
        values = torch.linalg.svdvals(change.double())
        assert values[0] > 0 and all(values[2:] < 1e-5 * values[0])


def test_it_starts_as_the_source_and_few_parameters_learn() -> None:
    backbone = toys.source("timm:test_vit")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data).eval()
    x = torch.rand(2, 3, backbone.card.input.height, backbone.card.input.width)  # pyright: ignore
    before, size = model(x), sum(p.numel() for p in model.parameters())
    tuning = Lora(rank=1).prepare(model)
    assert torch.equal(model(x), before)
    assert sum(p.numel() for group in tuning.groups for p in group.params) < 0.05 * size


def test_the_named_layers_only() -> None:
    backbone = toys.source("timm:test_vit")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    tuning = Lora(layers=("*.qkv",)).prepare(model)
    assert len(tuning.groups[0].params) == 2 * 6
    with pytest.raises(UsageError, match=r"'\*.qkw' fits nothing.*\*.qkv"):
        Lora(layers=("*.qkw",)).prepare(
            toys.make_model(toys.source("timm:test_vit"), toys.dataset(backbone.card.input))
        )


class Wrapped(Backbone):
    """A network as a backbone for rows of numbers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.dim = net, 8
        self.card = Card("toy:wrapped", "toy", 0, Vector(8), "toy", {})

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"all": tuple(name for name, _ in self.named_parameters())}

    def forward(self, x: torch.Tensor) -> Any:
        out = self.net(x.unsqueeze(1))
        return {"pooled": (out[0] if isinstance(out, tuple) else out).squeeze(1)}


class SelfAttention(nn.Module):
    """torch's attention, which reads its weights without calling a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x)[0]


@pytest.mark.parametrize(
    ("net", "adapted"),
    [
        (SelfAttention(), ["attention.in_proj_weight", "attention.out_proj.weight"]),
        (transformers.pytorch_utils.Conv1D(8, 8), ["weight"]),
        (nn.Conv1d(1, 1, 1), ["weight"]),
    ],
    ids=["fused attention", "Conv1D of transformers", "convolution in one dimension"],
)
def test_weights_that_are_read_in_other_ways_learn_too(net: nn.Module, adapted: list[str]) -> None:
    backbone = Wrapped(net)
    model = Model(backbone, {})
    model.heads.update({"target": Head(nn.Identity(), TARGET)})
    tuning = Lora(rank=2).prepare(model)
    x = torch.randn(4, 8)
    backbone(x)["pooled"].square().sum().backward()
    learning = tuning.groups[0].params
    assert len(learning) == 2 * len(adapted)
    for parameter in learning[1::2]:  # the `up` matrices
        assert parameter.grad is not None and parameter.grad.abs().max() > 0
    with torch.no_grad():
        for parameter in learning:
            parameter.add_(torch.randn_like(parameter))
        before, source = backbone(x)["pooled"], toys.snapshot(backbone)
        assert tuning.merge is not None
        tuning.merge()
        assert torch.equal(backbone(x)["pooled"], before)
    assert sorted(n for n in backbone.net.state_dict() if n in adapted) == sorted(adapted)
    assert len(source) > len(backbone.state_dict())


def low_rank(rank: int, bias: bool = True) -> tuple[Any, LowRank, Any]:
    """Return a linear layer with a change that has learnt, the change, and the tuning's merge."""
    backbone = Wrapped(nn.Linear(8, 12, bias))
    tuning = Lora(rank=rank).prepare(Model(backbone, {}))
    with torch.no_grad():
        for parameter in tuning.groups[0].params:
            parameter.add_(torch.randn_like(parameter))
    return backbone.net, backbone.net.parametrizations.weight[0], tuning.merge  # pyright: ignore


@pytest.mark.parametrize("shape", [(40, 8), (2, 20, 8), (8,)])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_are_changed_as_the_weight_would_be(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], bias: bool
) -> None:
    torch.manual_seed(0)
    layer, change, _ = low_rank(2, bias)
    x, slope = torch.randn(shape), torch.randn(*shape[:-1], 12)
    found = []
    for cheaply in (True, False):
        monkeypatch.setattr(LowRank, "adds_cheaply", lambda _, rows, cheaply=cheaply: cheaply)
        leaf = x.clone().requires_grad_(True)
        out = layer(leaf)
        asked = [leaf, change.down, change.up]
        found.append([out, *torch.autograd.grad((out * slope).sum(), asked)])
    assert not torch.equal(found[0][0], layer.parametrizations.weight.original @ torch.ones(8))
    for one, other in zip(*found, strict=True):
        assert one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_cheaper_way_is_taken_and_predictions_are_those_of_the_merged_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    layer, change, merge = low_rank(1)
    used: list[int] = []
    monkeypatch.setattr(LowRank, "added", lambda _, x, out: used.append(len(x)) or out)
    few, many = torch.randn(1, 8), torch.randn(100, 8)
    layer(many)
    assert used == [100] and change.adds_cheaply(100)
    assert low_rank(2)[1].adds_cheaply(10)  # 3 · 2 · 10 · 20 against (6 + 10) · 96 multiplications
    assert not low_rank(2)[1].adds_cheaply(100)  # 3 · 2 · 100 · 20 against (6 + 100) · 96
    with torch.no_grad():
        before = [layer(x) for x in (few, many)]
        merge()
        assert all(torch.equal(layer(x), out) for x, out in zip((few, many), before, strict=True))
    assert used == [100] and type(layer) is nn.Linear
    nn.Linear(8, 12)(many)
    assert used == [100]


def test_a_copy_of_a_layer_computes_with_its_own_change() -> None:
    layer, _, _ = low_rank(2)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.parametrizations.weight[0].up.zero_()
    x = torch.randn(50, 8)
    assert torch.allclose(other(x), nn.functional.linear(x, layer.parametrizations.weight.original, layer.bias))
    assert not torch.allclose(other(x), layer(x))


def test_a_stage_after_it_goes_on_from_the_merged_weights(tmp_path: Path) -> None:
    backbone = toys.source("vector:mlp")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    more = tuple(Stage(strategy=Choice(name), steps=2, batch_size=8) for name in ("lora", "full", "linear_probe"))
    assert toys.train(tmp_path, model, data, "lora", more=more, validate=True).steps == 10


def test_a_backbone_without_layers_that_it_knows() -> None:
    backbone = Wrapped(nn.LayerNorm(8))
    with pytest.raises(
        UsageError, match="lora needs a linear or convolution layer in the backbone; toy:wrapped has none"
    ):
        Lora().prepare(Model(backbone, {}))


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="rank must be at least 1"):
        Lora(rank=0)
