"""Gradients of several losses by the same tensors: added, weighed, made one; None where a loss does not reach one.

A weight that is common to all losses is one parameter, or several copies that stand for it (`Tied`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from torch import nn

from headstart.core.types import Rule, Tied
from headstart.models.paths import own_parameters

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
    return [_plus(a, b) for a, b in zip(one, other, strict=True)]


def added_each(some: Sequence[Gradients], others: Sequence[Gradients]) -> list[Gradients]:
    """Add the gradients of each loss; `some` may be empty, at the start of a sum."""
    return [added(one, other) for one, other in zip(some, others, strict=True)] if some else list(others)


def common_weights(
    backbone: nn.Module, tied: Tied | None, learning: Sequence[nn.Parameter]
) -> list[list[nn.Parameter]]:
    """List the weights that losses have in common, of what learns: each by the parameters that stand for it."""
    learns = {id(p) for p in learning}
    inside = {id(p) for p in backbone.parameters()} - own_parameters(backbone)
    copied = [[p for p in copies if id(p) in learns] for copies in (tied.copies if tied else ())]
    return [[p] for p in learning if id(p) in inside] + [copies for copies in copied if copies]


def by_weight(weights: Sequence[Sequence[nn.Parameter]], gradients: Gradients) -> Gradients:
    """Add gradients by the parameters that stand for each weight, one after another: those by the weights."""
    rest = iter(gradients)
    return [reduce(_plus, [next(rest) for _ in copies]) for copies in weights]


def tie(weights: Sequence[Sequence[nn.Parameter]], share: float, made: Gradients) -> None:
    """Give each copy of a weight its own gradient times 1 - share, and the weight's times share.

    Args:
        weights: The parameters that stand for each; one that stands alone gets the weight's gradient.
        share: Of the weight's gradient.
        made: Gradients by the weights.
    """
    for copies, g in zip(weights, made, strict=True):
        part = share if len(copies) > 1 else 1.0
        for p in copies:
            own = None if p.grad is None or part == 1 else p.grad * (1 - part)
            p.grad = _plus(own, None if g is None else g * part)


def pass_on(backbone: nn.Module, tied: Tied | None, learning: Sequence[nn.Parameter]) -> None:
    """Let the sum of the gradients by all copies of a weight reach each of them."""
    if tied is not None:
        weights = common_weights(backbone, tied, learning)
        tie(weights, tied.share, by_weight(weights, [p.grad for copies in weights for p in copies]))


def whole(gradients: Gradients, of: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Copy gradients, to be added up over processes in place; zeros where there is none: another may have one."""
    return [torch.zeros_like(p) if g is None else torch.zeros_like(p) + g for p, g in zip(of, gradients, strict=True)]


def grow(parameters: Sequence[nn.Parameter], gradients: Gradients) -> None:
    """Add to the gradients of parameters, as a backward pass does."""
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = _plus(parameter.grad, g)


def _plus(a: torch.Tensor | None, b: torch.Tensor | None) -> torch.Tensor | None:
    return b if a is None else a if b is None else a + b
