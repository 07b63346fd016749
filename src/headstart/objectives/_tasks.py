"""What the heads say of features: their outputs, the losses for the labels that a batch has, and which heads fit."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from headstart.core.errors import UsageError, first_few
from headstart.core.types import Batch, Features, Loss, LossOptions
from headstart.models.model import Head, Model


def task_losses(model: Model, features: Features, batch: Batch, options: LossOptions) -> dict[str, Loss]:
    """Compute each target's own loss; rows without a label of a target count as 0 to the mean over the batch.

    Args:
        model: Has the heads.
        features: Features of a batch.
        batch: The batch, with its labels.
        options: What the heads' loss is asked for.

    Returns:
        The loss "task" of the only target, or "task:NAME" of each.
    """
    heads = model.by_target()
    return losses_of(model, {name: heads[name](features) for name in batch.labels}, batch, options)


def losses_of(model: Model, outputs: Mapping[str, torch.Tensor], batch: Batch, options: LossOptions) -> dict[str, Loss]:
    """Compute each target's own loss, as `task_losses` does, where the heads' outputs [B, outputs] are known."""
    heads = model.by_target()
    losses = {
        name: Loss(heads[name].loss(outputs[name], y, options, batch.known.get(name)), name)
        for name, y in batch.labels.items()
    }
    return {"task" if len(losses) == 1 else f"task:{name}": loss for name, loss in losses.items()}


def only_head(model: Model, objective: str) -> Head:
    """Return the head of the only target.

    Args:
        model: Has the heads.
        objective: Who needs it, for the message.

    Returns:
        The head.

    Raises:
        UsageError: There are several, or none.
    """
    if len(model.heads) != 1:
        found = first_few(model.heads) if model.heads else "none"
        raise UsageError(f"{objective} works on one target; the task has {found}. Use dann, dan or supervised.")
    return model.head


def class_head(model: Model, objective: str) -> Head:
    """Return the head of the only target, whose outputs are logits [B, C] of one class a row.

    Args:
        model: Has the heads.
        objective: Who needs classes, for the message.

    Returns:
        The head.

    Raises:
        UsageError: There are several targets, or it is one of another kind.
    """
    head = only_head(model, objective)
    if head.target.form != "classes":
        raise UsageError(
            f"{objective} needs a task of one class a row (binary or multi-class). Use dann, dan or supervised."
        )
    return head
