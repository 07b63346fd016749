"""What is added to the losses of each update and depends on weights alone: penalties of the strategy and the stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import torch
from torch import nn

from headstart.core.recipe import Stage
from headstart.core.types import Tuning
from headstart.engine.build import BuiltStage, Held


def penalise(built: BuiltStage, learning: Sequence[nn.Parameter]) -> dict[str, torch.Tensor]:
    """Add the gradients of the penalties to those of the losses, once these are those of the whole batch.

    Args:
        built: What learns, and how.
        learning: What this update moves.

    Returns:
        This process's part of each penalty, by name; scalars.
    """
    found = penalties(built.tuning, learning, built.job.stage, built.held, built.model)
    if any(value.requires_grad for value in found.values()):
        torch.stack(list(found.values())).sum().backward(inputs=list(learning))
    return {name: value.detach().double() / built.context.world.size for name, value in found.items()}


def penalties(
    tuning: Tuning,
    learning: Sequence[nn.Parameter],
    stage: Stage,
    held: Sequence[Held] = (),
    model: nn.Module | None = None,
) -> dict[str, torch.Tensor]:
    """Compute the penalties on weights, by name.

    Args:
        tuning: May have a penalty of its own.
        learning: What this update moves; as with weight decay, only its matrices and kernels are penalised.
        stage: Gives `l1` (times the sum of |w|; Tibshirani 1996, the lasso) and `l2` (times half the sum of w squared;
            unlike `weight_decay`, which is decoupled, it passes through the optimiser).
        held: What is pulled back to where the stage starts; a part of the strategy's "penalty".
        model: Some of its weights may have penalties of their own ("regularisers"), which came with the source.

    Returns:
        Scalars; only those that are asked for.
    """
    found: dict[str, torch.Tensor] = {}
    terms = [] if tuning.penalty is None else [tuning.penalty()]
    terms += [each.strength / 2 * (each.now - each.then).square().sum() for each in held]
    if terms:
        found["penalty"] = torch.stack(terms).sum()
    matrices = [p for p in learning if p.ndim > 1] if stage.l1 or stage.l2 else []
    if stage.l1 and matrices:
        found["l1"] = stage.l1 * torch.stack([p.abs().sum() for p in matrices]).sum()
    if stage.l2 and matrices:
        found["l2"] = stage.l2 / 2 * torch.stack([p.square().sum() for p in matrices]).sum()
    if own := [term for part in model.modules() for term in _own(part, learning)] if model is not None else []:
        found["regularisers"] = torch.stack(own).sum()
    return found


def _own(module: nn.Module, learning: Sequence[nn.Parameter]) -> Iterator[torch.Tensor]:
    """Give what a module's attribute `regularisers` asks for: (l1, l2), times |w| and w squared, by parameter."""
    strengths: Mapping[str, tuple[float, float]] = getattr(module, "regularisers", {})
    for name, (l1, l2) in strengths.items():
        weight = attrgetter(name)(module)
        if any(weight is parameter for parameter in learning):
            yield l1 * weight.abs().sum() + l2 * weight.square().sum()
