"""The module that ends each stage, and the shapes of what it gives."""

from __future__ import annotations

import pytest
import torch

import toys
from headstart.models import taps
from headstart.models.dryrun import Call, Trace


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
    assert set(taps.channel_axes(toys.source("digits:cnn")).values()) == {1}
    assert set(taps.channel_axes(toys.tiny()).values()) == {1}
    axes = taps.channel_axes(toys.source("timm:test_vit"))
    assert axes["stem"] == 3 and axes["blocks.0"] == 2  # the stem gives [B, H, W, C]


@pytest.mark.parametrize(("batch", "expected"), [((2, 5, 5, 9), True), ((2, 9, 5, 5), False), ((2, 7, 5, 5), None)])
def test_the_last_layer_with_weights_tells_the_layout(batch: tuple[int, ...], expected: bool | None) -> None:
    given = Call((2, 3, 5, 5), 0, gave=(2, 9, 5, 5), end=1, last=False)
    assert Trace({"conv": given}).channels_last(batch, until=3) is expected
    assert Trace({"conv": given}).channels_last(batch, until=0) is None


def test_the_hidden_state_of_a_tuple() -> None:
    hidden = torch.ones(1)
    assert taps.first((hidden, "more")) is hidden and taps.first(hidden) is hidden
    assert taps.with_first((0, "more"), hidden) == (hidden, "more") and taps.with_first(0, hidden) is hidden
