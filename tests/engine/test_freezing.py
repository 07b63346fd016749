"""Held parameters leave and join a strategy's groups; nothing held changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import toys
from headstart.core import plugins
from headstart.core.types import ParamGroup
from headstart.engine.freezing import apply_freezes
from headstart.models.operate import operate


def test_groups_without_what_is_frozen_and_with_what_is_unfrozen():
    backbone = toys.tiny()
    groups = [ParamGroup(list(backbone.first.parameters()), 0.5, 0.1)]
    assert apply_freezes(backbone, groups) == groups
    backbone.freeze_overrides = {"first.weight": True, "second.bias": False}
    held = apply_freezes(backbone, groups)
    assert [[id(p) for p in g.params] for g in held] == [[id(backbone.first.bias)], [id(backbone.second.bias)]]
    assert (held[0].lr_scale, held[0].weight_decay, held[1].lr_scale) == (0.5, 0.1, 1.0)
    backbone.freeze_overrides = {"first.weight": True, "first.bias": True, "gone.weight": False}
    assert apply_freezes(backbone, groups) == []


@pytest.mark.parametrize("strategy", ["full", "gradual", "lora", "dora", "ia3", "surgical", "l2_sp", "stoch_norm"])
def test_what_surgery_freezes_stays_whatever_the_strategy_computes(tmp_path: Path, strategy: str) -> None:
    backbone = operate(toys.source("timm:test_resnet"), ["freeze layers=layer1,conv1"]).backbone
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, strategy)
    parameters = {name for name, _ in model.named_parameters()}
    moved = toys.moved(before, model) & parameters
    assert moved and not [name for name in moved if name.startswith(("backbone.net.layer1.", "backbone.net.conv1."))]


@pytest.mark.parametrize("strategy", ["linear_probe", "lora", "bottleneck"])
def test_what_surgery_unfreezes_learns(tmp_path: Path, strategy: str) -> None:
    backbone = operate(toys.source("timm:test_resnet"), ["unfreeze layers=layer2.0.conv1"]).backbone
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    tuning = plugins.build("strategies", strategy, {}).prepare(model)
    learning = {id(p) for group in apply_freezes(backbone, tuning.groups) for p in group.params}
    names = {name for name, p in model.named_parameters() if id(p) in learning and ".layer2.0.conv1" in name}
    assert {name.rpartition(".")[2] for name in names} & {"weight", "original"}
