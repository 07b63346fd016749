"""The losses of all targets whose labels a batch has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.core.types import Features, Loss, LossOptions
from headstart.models.model import Model


def task_losses(model: Model, features: Features, labels: Mapping[str, Any], options: LossOptions) -> dict[str, Loss]:
    """Compute each target's own loss.

    Args:
        model: Has the heads.
        features: Features of a batch.
        labels: Labels of the same rows, by target.
        options: What the heads' loss is asked for.

    Returns:
        The loss "task" of the only target, or "task:NAME" of each.
    """
    heads: dict[str, Any] = dict(model.heads.items())
    losses = {name: Loss(heads[name].loss(heads[name](features), y, options), name) for name, y in labels.items()}
    return {"task" if len(losses) == 1 else f"task:{name}": loss for name, loss in losses.items()}
