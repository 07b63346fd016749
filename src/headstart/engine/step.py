"""One training step: losses of micro-batches, gradients, clipping, update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.seeding import seed_step
from headstart.core.types import Batch, Tuning
from headstart.engine.job import Job, Surroundings
from headstart.engine.machine import autocast, to_device
from headstart.models.model import Model


def train_step(
    model: Model,
    extra: nn.Module,
    tuning: Tuning,
    optimiser: torch.optim.Optimizer,
    job: Job,
    around: Surroundings,
    batches: Mapping[str, Batch],
    *,
    key: tuple[int, int],
    progress: float,
) -> dict[str, float]:
    """Take one step.

    Args:
        model: Learns.
        extra: The objective's modules, which learn along.
        tuning: Gives the penalty.
        optimiser: Has its rates set.
        job: Gives the objective and the stage.
        around: Gives device, precision and seed.
        batches: One batch a stream.
        key: Number of the stage and of the step: dropout is a function of the seed and of them.
        progress: Share of the stage that is done, in [0, 1].

    Returns:
        The mean of each named loss.

    Raises:
        TrainingError: A loss is not finite; no weight was changed by this step.
    """
    optimiser.zero_grad(set_to_none=True)
    sums: dict[str, float] = {}
    parts = job.stage.accumulate
    sizes = [len(next(iter(part.values()))["ids"]) for part in _split(batches, parts)]
    for number, part in enumerate(_split(batches, parts)):
        share = sizes[number] / sum(sizes)
        seed_step(around.device, around.seed, "step", *key, number)
        on_device = {name: cast(Batch, to_device(batch, around.device)) for name, batch in part.items()}
        with autocast(around.precision, around.device):
            losses = job.objective.losses(model, extra, on_device, progress)
        if tuning.penalty is not None:
            losses["penalty"] = tuning.penalty()
        total = torch.stack([loss.float() for loss in losses.values()]).sum() * share
        if not torch.isfinite(total):
            raise TrainingError(_not_finite(losses, part, key, job.stage.lr))
        total.backward()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item() * share
    if job.stage.clip:
        learning = [p for group in optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, job.stage.clip)
    optimiser.step()
    return sums


def _split(batches: Mapping[str, Batch], parts: int) -> list[dict[str, Batch]]:
    """Cut each stream's batch into the same number of micro-batches."""
    if parts == 1:
        return [dict(batches)]
    cut = {name: _split_one(batch, parts) for name, batch in batches.items()}
    return [{name: pieces[i] for name, pieces in cut.items()} for i in range(parts)]


def _split_one(batch: Batch, parts: int) -> list[Batch]:
    size = len(batch["ids"])
    edges = [size * i // parts for i in range(parts + 1)]
    return [
        cast(Batch, {key: _cut(value, a, b) for key, value in batch.items()})
        for a, b in zip(edges, edges[1:], strict=False)
    ]


def _cut(value: Any, start: int, end: int) -> Any:
    if isinstance(value, dict):
        return {key: _cut(v, start, end) for key, v in value.items()}
    return value[start:end]


def _not_finite(
    losses: Mapping[str, torch.Tensor], part: Mapping[str, Batch], key: tuple[int, int], lr: float | None
) -> str:
    wrong = ", ".join(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    rows = "; ".join(f"{name}: {', '.join(batch['ids'][:8])}" for name, batch in part.items())
    return (
        f"The loss is not finite at stage {key[0]}, step {key[1]} ({wrong}). Rows of the batch: {rows}. "
        f"No weight was changed by it. Look at these rows, or lower the learning rate (now {lr:g})."
    )
