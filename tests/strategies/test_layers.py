"""Claim: exactly what the patterns name moves, and the head; one that fits nothing is an error with the nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

import toys
from headstart.core.errors import UsageError
from headstart.strategies.layers import Layers


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("layer2", "net.layer2."),
        ("layer3.*.conv2", "net.layer3.0.conv2."),
        ("net.layer3.0.conv2.weight", "net.layer3.0.conv2.weight"),
        ("stem", ("net.conv1.", "net.bn1.")),
    ],
)
def test_only_what_is_named_moves(tmp_path: Path, pattern: str, expected: str | tuple[str, ...]) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Layers(layers=(pattern,)))
    parameters = {name for name, _ in backbone.named_parameters()}
    assert toys.moved(before, backbone) & parameters == {name for name in parameters if name.startswith(expected)}


@pytest.mark.parametrize(("pattern", "near"), [("layer22", "layer2"), ("layer3.0.convv2", "layer3.0.conv2")])
def test_a_pattern_that_fits_nothing(pattern: str, near: str) -> None:
    backbone = toys.source("timm:test_resnet")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    with pytest.raises(UsageError, match=f"'{pattern}' fits nothing. Did you mean '{near}'.*stages stem, layer1"):
        Layers(layers=("layer1", pattern)).prepare(model)
