"""One training step: its updates (one, or a stepper's), each with losses of micro-batches, gradients, clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.seeding import mix
from headstart.core.types import PARTS, Batch, Objective, Seen, Stepper, Tuning, Update
from headstart.engine.job import Job, Surroundings
from headstart.engine.machine import autocast, to_device
from headstart.engine.penalties import penalties
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
        tuning: Gives the penalties.
        optimiser: Has its rates set.
        job: Gives the objective and the stage.
        around: Gives device, precision and seed.
        batches: One batch a stream.
        key: Number of the stage and of the step: dropout is a function of the seed and of them.
        progress: Share of the stage that is done, in [0, 1].

    Returns:
        The mean of each named loss; of updates with losses of the same name, the last one's.

    Raises:
        TrainingError: A loss is not finite; no weight was changed by it.
    """
    means: dict[str, float] = {}
    parts = _split(batches, job.stage.accumulate)
    for number, update in enumerate(updates_of(job.objective)):
        learning = _learning(model, extra, update)
        if not learning:
            continue
        optimiser.zero_grad(set_to_none=True)
        means |= _gradients(
            model, extra, tuning, job, around, parts, update, learning, key=(*key, number), progress=progress
        )
        if job.stage.clip:
            torch.nn.utils.clip_grad_norm_(learning, job.stage.clip)
        optimiser.step()  # what has no gradient does not move
    return means


def updates_of(objective: Objective) -> tuple[Update, ...]:
    """Give the updates of one step: a stepper's own, or the one over everything that learns."""
    return objective.updates if isinstance(objective, Stepper) else (Update(PARTS, objective.losses),)


def _gradients(
    model: Model,
    extra: nn.Module,
    tuning: Tuning,
    job: Job,
    around: Surroundings,
    parts: Sequence[Mapping[str, Batch]],
    update: Update,
    learning: Sequence[nn.Parameter],
    *,
    key: tuple[int, int, int],
    progress: float,
) -> dict[str, float]:
    """Add up the gradients of one update over the micro-batches; return the mean of each named loss."""
    sums: dict[str, float] = {}
    sizes = [len(next(iter(part.values()))["ids"]) for part in parts]
    for number, part in enumerate(parts):
        share = sizes[number] / sum(sizes)
        torch.manual_seed(mix(around.seed, "step", *key, number))
        on_device = {name: cast(Batch, to_device(batch, around.device)) for name, batch in part.items()}
        with autocast(around.precision, around.device), model.passes() as passes:
            losses = update.losses(model, extra, on_device, progress)
            if tuning.watch is not None:
                losses["watched"] = tuning.watch([_with_labels(seen, on_device) for seen in passes])
        losses |= penalties(tuning, learning, job.stage)
        total = torch.stack([loss.float() for loss in losses.values()]).sum() * share
        if not torch.isfinite(total):
            raise TrainingError(_not_finite(losses, part, key, job.stage.lr))
        total.backward(inputs=learning)
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item() * share
    return sums


def _learning(model: Model, extra: nn.Module, update: Update) -> list[nn.Parameter]:
    """List the parameters that an update moves. What a strategy added beside the backbone goes with the heads."""
    in_backbone = {id(p) for p in model.backbone.parameters()}
    found: list[nn.Parameter] = []
    if "backbone" in update.learn:
        found += [p for p in model.backbone.parameters() if p.requires_grad]
    if "heads" in update.learn:
        found += [p for p in model.parameters() if p.requires_grad and id(p) not in in_backbone]
    if "extra" in update.learn:
        found += [p for p in extra.parameters() if p.requires_grad]
    return found


def _with_labels(seen: Seen, batches: Mapping[str, Batch]) -> Seen:
    """Give a pass the labels of the batch that it was made of, where the objective passed that on as it is."""
    y = next((batch.get("y") for batch in batches.values() if batch["x"] is seen.x), None)
    return Seen(seen.x, seen.features, y)


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
    losses: Mapping[str, torch.Tensor], part: Mapping[str, Batch], key: tuple[int, int, int], lr: float | None
) -> str:
    wrong = ", ".join(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    rows = "; ".join(f"{name}: {', '.join(batch['ids'][:8])}" for name, batch in part.items())
    update = f", update {key[2]}" if key[2] else ""
    return (
        f"The loss is not finite at stage {key[0]}, step {key[1]}{update} ({wrong}). Rows of the batch: {rows}. "
        f"No weight was changed by it. Look at these rows, or lower the learning rate (now {lr:g})."
    )
