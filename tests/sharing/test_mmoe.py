"""Claim of the mixture of experts: each target mixes the same experts by a gate of its own."""

from __future__ import annotations

import numpy as np
import torch


def test_each_target_mixes_experts_by_its_own_gate() -> None:
    from headstart.sharing._experts import Level

    level = Level(2, 2, shared=2, own=0, passes=False)
    with torch.no_grad():
        for name, tensor in level.named_parameters():
            tensor.zero_()
            if name.endswith("0.weight") and name.startswith("shared"):
                tensor.copy_((1.0 if name.startswith("shared.0") else 3.0) * torch.eye(2))
            if name == "gates.1.weight":
                tensor[1, 0] = np.log(3.0)
    x = torch.tensor([[1.0, 2.0]])
    _, (one, other) = level(x, [x, x])
    assert one.tolist() == [[2.0, 4.0]]  # halves of 1 x and 3 x
    torch.testing.assert_close(other, torch.tensor([[2.5, 5.0]]))  # a quarter of 1 x and three of 3 x
