"""A few labelled rows of a target domain beside many of a source: each domain is half of the loss (arXiv:1904.06487).

Saito et al. 2019: in the baseline S+T of their section 4 a step has as many labelled rows of the target as of the
source, so that few of them are not lost among many. Here the target's batch is half as large, and counts as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headstart.core.types import Batch, Loss, LossOptions, Stream
from headstart.models.model import Model
from headstart.objectives._tasks import task_losses

FEW = Stream("target_labelled", size=0.5)


def with_few(
    source: dict[str, Loss], batches: Mapping[str, Batch], losses: Callable[[Batch], Mapping[str, Loss]]
) -> dict[str, Loss]:
    """Let labelled rows of the target be half of the losses of labels, where a step has some.

    Args:
        source: The losses of the source's labels, by name.
        batches: Of the step.
        losses: Computes the same losses of another batch.

    Returns:
        The mean of both, by name; those of the source where there are no such rows.
    """
    if FEW.name not in batches:
        return source
    few = losses(batches[FEW.name])
    return {name: Loss((loss.value + few[name].value) / 2, loss.target) for name, loss in source.items()}


def learnt(
    model: Model, source: dict[str, Loss], batches: Mapping[str, Batch], options: LossOptions
) -> dict[str, Loss]:
    """Do so with the targets' own losses."""
    return with_few(source, batches, lambda few: task_losses(model, model.features(few.x), few, options))
