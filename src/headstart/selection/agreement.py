"""How far tasks agree, by a few steps: the angles between their gradients, and what a step for one does for another.

The gradients are those of the weights that the tasks have in common, with solved heads that stay as they are. A step
for one task is tried by itself, the losses of all are measured after it, and it is taken back; then a step for all
tasks together is taken (Fifty et al. 2021, arXiv:2109.04617, equation 1). All steps are equally long, whatever the
scale of a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Batch, LossOptions, Strategy
from headstart.engine.freezing import apply_freezes, let_learn
from headstart.models.model import Model
from headstart.objectives._tasks import task_losses

LENGTH = 1e-4  # of a step, relative to the weights that learn; ten times as long overshoots with a solved head


@dataclass(frozen=True)
class Agreement:
    """How far K tasks agree, in their order; means over the steps.

    cosine: [K, K], of the angle between two tasks' gradients. lookahead: [K, K], the relative fall of the loss of the
    column's task after a step for the row's.
    """

    cosine: np.ndarray
    lookahead: np.ndarray


def agreement(
    model: Model, strategy: Strategy, steps: Sequence[Mapping[str, Batch]], options: LossOptions
) -> Agreement:
    """Compare the gradients of tasks, and try a step for each.

    Args:
        model: With heads that are solved; it is changed.
        strategy: Says which weights learn.
        steps: For each step a batch of each task, with its labels alone, on the model's device.
        options: Of the loss.

    Returns:
        The agreement.

    Raises:
        UsageError: Nothing in the backbone learns.
    """
    common = common_weights(model, strategy)
    model.eval()
    cosines, falls = zip(*(_step(model, common, batches, options) for batches in steps), strict=True)
    return Agreement(np.mean(cosines, axis=0), np.mean(falls, axis=0))


def common_weights(model: Model, strategy: Strategy) -> list[nn.Parameter]:
    """Let a strategy prepare a model, and return what learns in its backbone. UsageError: that is nothing."""
    tuning = strategy.prepare(model)
    tuning.groups = apply_freezes(model.backbone, tuning.groups)
    let_learn(model, tuning)
    common = [p for p in model.backbone.parameters() if p.requires_grad]
    if not common:
        raise UsageError(
            "With this strategy nothing in the network learns, so that tasks cannot help each other. Choose another "
            f"one: {option('strategy', 'partial')}."
        )
    return common


def _step(
    model: Model, common: Sequence[nn.Parameter], batches: Mapping[str, Batch], options: LossOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Measure one step, and take it for all tasks."""
    before, gradients = zip(*(_gradient(model, common, batch, options) for batch in batches.values()), strict=True)
    unit = torch.nn.functional.normalize(torch.stack(gradients), dim=1)  # a task without a gradient takes no step
    weights = _flat(common).detach()
    length = LENGTH * weights.norm()
    after = []
    with torch.no_grad():
        for direction in unit:
            _put(common, weights - length * direction)
            after.append([float(_loss(model, batch, options)) for batch in batches.values()])
        together = torch.nn.functional.normalize(unit.sum(dim=0), dim=0)
        _put(common, weights - length * together)
    losses = np.array(before)
    fall = losses - np.array(after)
    return (unit @ unit.T).double().cpu().numpy(), np.divide(fall, losses, out=np.zeros_like(fall), where=losses > 0)


def _gradient(
    model: Model, common: Sequence[nn.Parameter], batch: Batch, options: LossOptions
) -> tuple[float, torch.Tensor]:
    loss = _loss(model, batch, options)
    found = torch.autograd.grad(loss, common, allow_unused=True)
    parts = [torch.zeros_like(p) if g is None else g for p, g in zip(common, found, strict=True)]
    return float(loss.detach()), _flat(parts)


def _flat(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _put(parameters: Sequence[nn.Parameter], values: torch.Tensor) -> None:
    for parameter, part in zip(parameters, values.split([p.numel() for p in parameters]), strict=True):
        parameter.copy_(part.view_as(parameter))


def _loss(model: Model, batch: Batch, options: LossOptions) -> torch.Tensor:
    return task_losses(model, model.features(batch.x), batch, options)["task"].value
