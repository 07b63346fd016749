"""What every head must keep, used by the tests of each head."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from headstart.core.types import Features, Head, Task

CLASSES = Task.of("image", "multiclass", ("file",), ("label",), tuple("abcde")).target
NUMBERS = Task.of("vector", "regression", ("x",), ("price", "age")).target


def check_head(make: Callable[..., Head]) -> None:
    """Check the first loss, the shape of the output, and that the pooling is handed on."""
    head: Any = make().build(32, CLASSES).eval()
    out = head(Features(pooled=torch.randn(64, 32)))
    assert out.shape == (64, 5)
    assert head.loss(out, torch.randint(5, (64,))).item() == pytest.approx(math.log(5), abs=0.1), "not an even guess"
    assert make().build(4, NUMBERS)(Features(pooled=torch.randn(3, 4))).shape == (3, 2)
    head, tokens = make(pooling="mean").build(4, CLASSES).eval(), torch.randn(2, 3, 4)
    out = head(Features(pooled=torch.zeros(2, 4), tokens=tokens))
    assert torch.equal(out, head(Features(pooled=torch.ones(2, 4), tokens=tokens)))


def learn(head: Any) -> nn.Module:
    """Move the head away from its even guess."""
    x, y = torch.randn(64, 32), torch.randint(5, (64,))
    optimiser = torch.optim.SGD(head.parameters(), lr=1.0)
    for _ in range(20):
        optimiser.zero_grad()
        head.loss(head(Features(pooled=x)), y).backward()
        optimiser.step()
    return head
