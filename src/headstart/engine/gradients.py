"""Gradients of several losses by the same tensors: added, weighed, made one; None where a loss does not reach one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from headstart.core.types import Rule

Gradients = Sequence[torch.Tensor | None]  # of some tensors; None where the loss does not depend on one


def gram_of(each: Sequence[Gradients]) -> torch.Tensor:
    """Return the inner products of the gradients of K losses by the same tensors, [K, K] float64."""
    found = torch.zeros(len(each), len(each), dtype=torch.float64)
    for gradients in zip(*each, strict=True):
        rows = [k for k, g in enumerate(gradients) if g is not None]
        if rows:
            flat = torch.stack([g.float().flatten() for g in gradients if g is not None])
            found[np.ix_(rows, rows)] += (flat @ flat.T).double().cpu()
    return found


def combined(each: Sequence[Gradients], rule: Rule, weights: torch.Tensor) -> Gradients:
    """Return what a rule makes of the gradients of K losses, tensor by tensor."""

    def one(gradients: Gradients) -> torch.Tensor | None:
        like = next((g for g in gradients if g is not None), None)
        if like is None:
            return None
        flat = torch.stack([torch.zeros_like(like) if g is None else g for g in gradients]).flatten(1)
        return rule.combine(flat, weights.to(like.device)).view_as(like)

    return [one(gradients) for gradients in zip(*each, strict=True)]


def weighted(each: Sequence[Gradients], weights: torch.Tensor) -> Gradients:
    """Return the weighted sum of the gradients of K losses, tensor by tensor."""

    def one(gradients: Gradients) -> torch.Tensor | None:
        found = [g * weight for g, weight in zip(gradients, weights.tolist(), strict=True) if g is not None]
        return torch.stack(found).sum(dim=0) if found else None

    return [one(gradients) for gradients in zip(*each, strict=True)]


def added(one: Gradients, other: Gradients) -> Gradients:
    """Add gradients tensor by tensor."""
    return [b if a is None else a if b is None else a + b for a, b in zip(one, other, strict=True)]


def added_each(some: Sequence[Gradients], others: Sequence[Gradients]) -> list[Gradients]:
    """Add the gradients of each loss; `some` may be empty, at the start of a sum."""
    return [added(one, other) for one, other in zip(some, others, strict=True)] if some else list(others)


def whole(gradients: Gradients, of: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Put zeros where there is no gradient: another process may have one."""
    return [torch.zeros_like(p) if g is None else g.contiguous() for p, g in zip(of, gradients, strict=True)]


def grow(parameters: Sequence[nn.Parameter], gradients: Gradients) -> None:
    """Add to the gradients of parameters, as a backward pass does."""
    for parameter, g in zip(parameters, gradients, strict=True):
        if g is not None:
            parameter.grad = g if parameter.grad is None else parameter.grad + g
