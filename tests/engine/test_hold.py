"""Held parameters leave and join a strategy's groups; nothing held changes nothing."""

from __future__ import annotations

import toys
from headstart.core.types import ParamGroup
from headstart.engine.hold import hold


def test_groups_without_what_is_frozen_and_with_what_is_unfrozen():
    backbone = toys.tiny()
    groups = [ParamGroup(list(backbone.first.parameters()), 0.5, 0.1)]
    assert hold(backbone, groups) == groups
    backbone.held = {"first.weight": True, "second.bias": False}
    held = hold(backbone, groups)
    assert [[id(p) for p in g.params] for g in held] == [[id(backbone.first.bias)], [id(backbone.second.bias)]]
    assert (held[0].lr_scale, held[0].weight_decay, held[1].lr_scale) == (0.5, 0.1, 1.0)
    backbone.held = {"first.weight": True, "first.bias": True, "gone.weight": False}
    assert hold(backbone, groups) == []
