"""Claim of layered extraction: the experts of a target are moved by its own loss alone, shared ones by all."""

from __future__ import annotations

import torch


def test_own_experts_of_a_target_are_moved_by_its_loss_alone() -> None:
    from headstart.sharing.ple import Ple

    levels = Ple(shared=1, own=1, depth=1).levels(3, 2)
    x = torch.randn(4, 3)
    _, (one, _) = levels[0](x, [x, x])
    one.square().sum().backward()
    moved = {name for name, p in levels[0].named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert any(name.startswith("own.0") for name in moved) and any(name.startswith("shared") for name in moved)
    assert not any(name.startswith(("own.1", "gates.1")) for name in moved)
