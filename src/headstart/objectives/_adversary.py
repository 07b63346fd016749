"""The adversary of domain-adversarial training: a classifier of the domain, behind a reversed gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class DomainClassifier(nn.Module):
    """Classify source against target: a logit for each example."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:  # [B, D] -> [B]
        return self.layers(pooled).squeeze(1)


def told_apart(
    classifier: nn.Module, source: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Compute how badly the domains are told apart.

    Args:
        classifier: Gives a logit for each row, high for the source.
        source: Its rows, [B, D].
        target: Its rows, [B, D].
        weights: Of the source's rows, then of the target's; None is 1 for each.

    Returns:
        The mean binary cross-entropy, a scalar.
    """
    domain = classifier(torch.cat([source, target])).float()
    is_source = torch.cat([domain.new_ones(len(source)), domain.new_zeros(len(target))])
    return functional.binary_cross_entropy_with_logits(domain, is_source, weight=weights)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * grad_outputs[0], None


def reverse_gradient(x: torch.Tensor, strength: float) -> torch.Tensor:
    """Pass `x` on unchanged; multiply the gradient by minus `strength` on the way back."""
    reversed_x = _Reverse.apply(x, strength)
    assert isinstance(reversed_x, torch.Tensor)
    return reversed_x
