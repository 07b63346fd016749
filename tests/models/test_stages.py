"""Stages are ordered, named, and hold every parameter once."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from headstart.models.stages import from_children, from_layers, from_matcher, prefixed


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(3, 4)
        self.block = nn.ModuleList([_Layer(), _Layer()])
        self.norm = nn.LayerNorm(4)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(4, 4) for _ in range(5)])


def test_the_outer_list_is_cut_although_the_inner_ones_are_longer():
    stages = from_layers(_Encoder())
    assert list(stages) == ["embeddings", "layers.0", "layers.1", "final"]
    assert stages["embeddings"] == ("words.weight",)
    assert len(stages["layers.1"]) == 10
    assert stages["final"] == ("norm.weight", "norm.bias")


def test_more_than_nine_layers_stay_in_order():
    net = nn.ModuleDict({"h": nn.ModuleList([nn.Linear(1, 1) for _ in range(12)])})
    assert list(from_layers(net)) == [f"layers.{place}" for place in range(12)]


def test_without_a_list_the_children_are_the_stages():
    net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    net.register_parameter("scale", nn.Parameter(torch.zeros(2)))
    assert list(from_layers(net)) == list(from_children(net)) == ["own", "0", "2"]


def test_prefixed():
    assert prefixed({"a": ("x", "y")}, "net.") == {"a": ("net.x", "net.y")}


EXPECTED = {
    "resnet18": ["stem", "layer1", "layer2", "layer3", "layer4"],
    "mobilenetv2_100": ["stem", *(f"blocks.{place}" for place in range(7))],
    "test_vit": ["stem", *(f"blocks.{place}" for place in range(6))],
    "test_convnext": ["stem", "stages.0", "stages.1", "stages.2", "stages.3", "head"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_timm_networks(name):
    net = timm.create_model(name, num_classes=0)
    stages = from_matcher(net)
    assert list(stages) == EXPECTED[name]
    names = [n for group in stages.values() for n in group]
    assert sorted(names) == sorted(n for n, _ in net.named_parameters())
