"""One training step: its updates (one, or a stepper's), each with losses of micro-batches, gradients, clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.seeding import seed_torch
from headstart.core.types import MODEL_PARTS, TARGET, Batch, Event, ForwardPass, Objective, Stepper, Tuning, Update
from headstart.engine.job import Job, RunContext
from headstart.engine.machine import autocast, to_device
from headstart.engine.memory import is_out_of_memory
from headstart.engine.penalties import penalties
from headstart.engine.predict import cut
from headstart.models.model import Model


class Setting(NamedTuple):
    """All that a step works on."""

    model: Model
    extra: nn.Module  # the objective's modules, which learn along
    tuning: Tuning  # gives the penalties
    optimiser: torch.optim.Optimizer  # has its rates set
    job: Job
    context: RunContext


def train_step(
    setting: Setting, batches: Mapping[str, Batch], *, key: tuple[int, int], progress: float, parts: int
) -> tuple[dict[str, torch.Tensor], int]:
    """Take one step.

    Where memory runs out, the batch is cut into twice as many micro-batches, and their gradients are added up: the
    step stays one over the whole batch. (Batch norm that learns has then seen the failed piece once more.)

    Args:
        setting: What learns, and how.
        batches: one batch a stream: this process's shard of it.
        key: Number of the stage and of the step: dropout is a function of the seed and of them.
        progress: Share of the stage that is done, in [0, 1].
        parts: Micro-batches to cut the batch into.

    Returns:
        This process's part of the mean of each named loss, scalars on the device (of updates with losses of the same
        name, the last one's); and the number of micro-batches to go on with.

    Raises:
        TrainingError: A loss is not finite (on a GPU that is found later), or memory does not suffice for one row.
    """
    means: dict[str, torch.Tensor] = {}
    world = setting.context.world
    parts = min(parts, *(len(batch["ids"]) for batch in batches.values()))  # of several processes each has fewer rows
    for number, update in enumerate(updates_of(setting.job.objective)):
        learning = _learning(setting.model, setting.extra, update)
        if not learning:
            continue
        found = None
        while found is None:
            setting.optimiser.zero_grad(set_to_none=True)
            try:
                found = _gradients(
                    setting, _split(batches, parts), update, learning, key=(*key, number), progress=progress
                )
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                parts = _smaller(setting.context, parts, batches, error)
        losses, wrong = found
        if world.most(float(bool(wrong))):
            raise TrainingError(wrong or "The loss is not finite in another process, which names the rows.")
        world.add_gradients(learning)
        means |= losses
        if setting.job.stage.clip:
            torch.nn.utils.clip_grad_norm_(learning, setting.job.stage.clip)
        setting.optimiser.step()  # what has no gradient does not move
    return means, parts


def _smaller(context: RunContext, parts: int, batches: Mapping[str, Batch], error: BaseException) -> int:
    """Return the next number of micro-batches, and say so."""
    rows = max(len(batch["ids"]) for batch in batches.values())
    if parts >= rows:
        raise TrainingError(
            f"Memory does not suffice for a single row on {context.device} ({type(error).__name__}). Try a "
            "smaller source, a strategy that lets less learn (linear_probe, partial), or --precision bfloat16."
        ) from error
    more = min(2 * parts, rows)
    if context.device.type == "cuda":
        torch.cuda.empty_cache()
    context.listen(
        Event(
            "warning",
            f"memory ran out: each batch is now computed in {more} micro-batches in place of {parts}. "
            f"The step is still over all {rows} rows.",
        )
    )
    return more


def updates_of(objective: Objective) -> tuple[Update, ...]:
    """Return the updates of one step: a stepper's own, or the one over everything that learns."""
    return objective.updates if isinstance(objective, Stepper) else (Update(MODEL_PARTS, objective.losses),)


def _gradients(
    setting: Setting,
    parts: Sequence[Mapping[str, Batch]],
    update: Update,
    learning: Sequence[nn.Parameter],
    *,
    key: tuple[int, int, int],
    progress: float,
) -> tuple[dict[str, torch.Tensor], str]:
    """Add up the gradients of one update over the micro-batches.

    Args:
        setting: What learns, and how.
        parts: The micro-batches.
        update: Gives the losses.
        learning: What they are minimised over.
        key: Numbers of the stage, the step and the update.
        progress: Share of the stage that is done.

    Returns:
        The fraction of each named loss, and what is wrong where one is not finite.
    """
    model, extra, tuning, _, job, context = setting
    sums: dict[str, torch.Tensor] = {}
    sizes = [len(next(iter(part.values()))["ids"]) for part in parts]
    assert job.stage.batch_size is not None
    rows = sum(sizes) if context.world.size == 1 else job.stage.batch_size  # of all processes
    others = ("process", context.world.rank) if context.world.rank else ()  # dropout is another one in each process
    for number, part in enumerate(parts):
        fraction = sizes[number] / rows
        seed_torch(context.seed, "step", *key, number, *others)
        on_device = {name: cast(Batch, to_device(batch, context.device)) for name, batch in part.items()}
        with autocast(context.precision, context.device), model.passes() as passes:
            losses = update.losses(model, extra, on_device, progress)
            if tuning.watch is not None:
                losses["watched"] = tuning.watch([_with_labels(seen, on_device) for seen in passes])
        losses |= penalties(tuning, learning, job.stage)
        total = torch.stack([loss.float() for loss in losses.values()]).sum() * fraction
        if context.device.type == "cpu" and not torch.isfinite(total):  # a GPU would have to be waited for
            return sums, _not_finite(losses, part, key, job.stage.lr)
        total.backward(inputs=learning)
        for name, loss in losses.items():
            value = loss.detach().double() * fraction
            sums[name] = sums[name] + value if name in sums else value
    return sums, ""


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


def _with_labels(seen: ForwardPass, batches: Mapping[str, Batch]) -> ForwardPass:
    """Return a pass the labels of the batch that it was made of, where the objective passed that on as it is."""
    y = next((batch.get("y") for batch in batches.values() if batch["x"] is seen.x), None)
    return ForwardPass(seen.x, seen.features, {} if y is None else {TARGET: y})


def _split(batches: Mapping[str, Batch], parts: int) -> list[dict[str, Batch]]:
    """Cut each stream's batch into the same number of micro-batches."""
    if parts == 1:
        return [dict(batches)]
    cut = {name: _split_one(batch, parts) for name, batch in batches.items()}
    return [{name: pieces[i] for name, pieces in cut.items()} for i in range(parts)]


def _split_one(batch: Batch, parts: int) -> list[Batch]:
    size = len(batch["ids"])
    edges = [size * i // parts for i in range(parts + 1)]
    return [cast(Batch, {key: cut(value, a, b) for key, value in batch.items()}) for a, b in pairwise(edges)]


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
