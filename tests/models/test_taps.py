"""The module that ends each stage, and the shapes of what it gives."""

from __future__ import annotations

import copy

import torch

import toys
from headstart.models import taps


def test_stages_end_where_the_next_begins() -> None:
    backbone = toys.source("timm:test_resnet")
    names = {module: name for name, module in backbone.named_modules()}
    found = {stage: names[module] for stage, module in taps.stage_modules(backbone).items()}
    assert found == {"stem": "net.bn1", **{f"layer{i}": f"net.layer{i}" for i in range(1, 5)}}


def test_shapes() -> None:
    assert taps.stage_shapes(toys.source("digits:cnn")) == {
        "block1": (1, 16, 8, 8),
        "block2": (1, 32, 4, 4),
        "block3": (1, 64, 2, 2),
    }
    tokens = taps.stage_shapes(toys.source("timm:test_vit"))
    assert len(tokens) == 7 and len(tokens["blocks.0"]) == 3 and tokens["blocks.0"] == tokens["blocks.5"]
    assert taps.stage_shapes(toys.tiny()) == {"first": (1, 8), "second": (1, 5)}


def test_a_probe_leaves_the_network_as_it_was() -> None:
    backbone = toys.source("timm:test_resnet").train()
    before = toys.snapshot(backbone)
    taps.stage_shapes(backbone)
    assert toys.moved(before, backbone) == set() and all(module.training for module in backbone.modules())
    assert not any(module._forward_hooks for module in backbone.modules())


def test_layouts() -> None:
    backbone = copy.copy(toys.source("digits:cnn"))
    assert [taps.channel_axis(backbone, n) for n in (2, 3, 4)] == [1, 2, 1]
    backbone.channels_last = True
    assert taps.channel_axis(backbone, 4) == 3


def test_the_hidden_state_of_a_tuple() -> None:
    hidden = torch.ones(1)
    assert taps.first((hidden, "more")) is hidden and taps.first(hidden) is hidden
    assert taps.with_first((0, "more"), hidden) == (hidden, "more") and taps.with_first(0, hidden) is hidden
