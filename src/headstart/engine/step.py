"""One training step: its updates (one, or a stepper's), each with losses of micro-batches, gradients, clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import torch
from torch import nn

from headstart.core.errors import TrainingError, UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.seeding import seed_torch
from headstart.core.tuning import couples_rows
from headstart.core.types import MODEL_PARTS, Batch, Event, ForwardPass, Loss, Objective, Stepper, Update
from headstart.engine.build import BuiltStage
from headstart.engine.lone import lone_values
from headstart.engine.machine import autocast, to_device
from headstart.engine.memory import is_out_of_memory
from headstart.engine.penalties import penalties
from headstart.models.model import Model


def train_step(
    built: BuiltStage, batches: Mapping[str, Batch], *, step: int, progress: float, micro_batches: int
) -> tuple[dict[str, torch.Tensor], int]:
    """Take one step.

    Where memory runs out, the batch is cut into twice as many micro-batches, and their gradients are added up: the
    step stays one over the whole batch. (Batch norm that learns has then seen the failed piece once more.)

    Args:
        built: What learns, and how; its optimiser has its rates set.
        batches: One batch a stream: this process's shard of it.
        step: Number of the step: dropout is a function of the seed, the stage and it.
        progress: Fraction of the stage that is done, in [0, 1].
        micro_batches: How many pieces to cut the batch into.

    Returns:
        This process's part of the mean of each named loss, scalars on the device (of updates with losses of the same
        name, the last one's); and the number of micro-batches to go on with.

    Raises:
        TrainingError: A loss is not finite (on a GPU that is found later), or memory does not suffice for one row, or
            for a batch that must not be cut.
    """
    means: dict[str, torch.Tensor] = {}
    world, optimiser = built.context.world, built.optimiser
    assert optimiser is not None, "a stage that is solved has no steps"
    micro_batches = min(micro_batches, *map(len, batches.values()))  # of several processes each has fewer rows
    for number, update in enumerate(updates_of(built.job.objective)):
        learning = learning_of(built.model, built.extra, update)
        if not learning:
            continue
        found = None
        while found is None:
            optimiser.zero_grad(set_to_none=True)
            try:
                cut = _split(batches, micro_batches)
                with lone_values(built, cut):
                    found = gradients(built, cut, update, learning, key=(built.number, step, number), progress=progress)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                micro_batches = _smaller(built, micro_batches, batches, error)
        losses, wrong = found
        if world.most(float(bool(wrong))):
            raise TrainingError(wrong or "The loss is not finite in another process, which names the rows.")
        world.add_gradients(learning)
        means |= losses
        if built.job.stage.clip:
            torch.nn.utils.clip_grad_norm_(learning, built.job.stage.clip)
        optimiser.step()  # what has no gradient does not move
    return means, micro_batches


def _smaller(built: BuiltStage, micro_batches: int, batches: Mapping[str, Batch], error: BaseException) -> int:
    """Return the next number of micro-batches, and tell of it."""
    context = built.context
    rows = min(map(len, batches.values()))
    whose = "objective" if built.job.objective.couples_rows else "strategy"
    if whose == "objective" or couples_rows(built.job.strategy):
        raise TrainingError(
            f"Memory ran out over a batch of {rows} rows ({type(error).__name__}). The {whose} compares the rows of "
            "a batch with each other: to cut it into micro-batches would change what is minimised. Use a smaller "
            f"{option('batch-size')}, a smaller source, or {option('precision', 'bfloat16')}."
        ) from error
    if micro_batches >= rows:
        raise TrainingError(
            f"Memory does not suffice for a single row on {context.device} ({type(error).__name__}). Try a "
            "smaller source, a strategy that lets less learn (linear_probe, partial), or "
            f"{option('precision', 'bfloat16')}."
        ) from error
    more = min(2 * micro_batches, rows)
    if context.device.type == "cuda":
        torch.cuda.empty_cache()
    message = (
        f"memory ran out: each batch is now computed in {more} micro-batches in place of {micro_batches}. "
        f"The step is still over all {rows} rows."
    )
    context.listen(Event("warning", message))
    return more


def updates_of(objective: Objective) -> tuple[Update, ...]:
    """Return the updates of one step: a stepper's own, or the one over everything that learns."""
    return objective.updates if isinstance(objective, Stepper) else (Update(MODEL_PARTS, objective.losses),)


def gradients(
    built: BuiltStage,
    micro_batches: Sequence[Mapping[str, Batch]],
    update: Update,
    learning: Sequence[nn.Parameter],
    *,
    key: tuple[int, int, int],
    progress: float,
) -> tuple[dict[str, torch.Tensor], str]:
    """Add up the gradients of one update over the micro-batches.

    Args:
        built: What learns, and how.
        micro_batches: Micro-batches of each stream.
        update: Computes the losses.
        learning: What they are minimised over.
        key: Numbers of the stage, the step and the update.
        progress: Fraction of the stage that is done.

    Returns:
        The fraction of each named loss, and what is wrong where one is not finite.
    """
    model, tuning, job, context = built.model, built.tuning, built.job, built.context
    sums: dict[str, torch.Tensor] = {}
    sizes = [len(next(iter(batches.values()))) for batches in micro_batches]
    assert job.stage.batch_size is not None
    whole = job.objective.streams[0].rows(job.stage.batch_size)  # rows of all processes
    rows = sum(sizes) if context.world.size == 1 else whole
    others = ("process", context.world.rank) if context.world.rank else ()  # dropout is another one in each process
    for number, batches in enumerate(micro_batches):
        fraction = sizes[number] / rows
        seed_torch(context.seed, "step", *key, number, *others)
        on_device = {name: to_device(batch, context.device) for name, batch in batches.items()}
        with autocast(context.precision, context.device), model.passes() as passes:
            named = update.losses(model, built.extra, on_device, progress)
            _check_losses(named, model)
            losses = {name: loss.value for name, loss in named.items()}
            if tuning.watch is not None:
                targets = {loss.target for loss in named.values()}
                losses["watched"] = tuning.watch([_with_labels(seen, on_device, targets) for seen in passes])
        losses |= penalties(tuning, learning, job.stage)
        total = torch.stack([loss.float() for loss in losses.values()]).sum() * fraction
        if context.device.type == "cpu" and not torch.isfinite(total):  # a GPU would have to be waited for
            return sums, _not_finite(losses, batches, job.name, key, job.stage.lr)
        total.backward(inputs=learning)
        for name, loss in losses.items():
            value = loss.detach().double() * fraction
            sums[name] = sums[name] + value if name in sums else value
    return sums, ""


def _check_losses(losses: Mapping[str, Loss], model: Model) -> None:
    """Check what an objective gave.

    Args:
        losses: Losses by name.
        model: Has the heads.

    Raises:
        UsageError: One is no `Loss`, or is of a target that the model has no head for.
    """
    for name, loss in losses.items():
        if not isinstance(loss, Loss):
            raise UsageError(
                f"The objective gave a {type(loss).__name__} for the loss '{name}'. Make it Loss(value), or "
                "Loss(value, target) where it is made of a target's labels (headstart.core.types)."
            )
        if loss.target is not None and loss.target not in model.heads:
            raise unknown("target", loss.target, list(model.heads))


def learning_of(model: Model, extra: nn.Module, update: Update) -> list[nn.Parameter]:
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


def _with_labels(seen: ForwardPass, batches: Mapping[str, Batch], targets: Set[str | None]) -> ForwardPass:
    """Return a pass with the labels of the view that it was made of, of the targets that the losses are made of."""
    batch = next((b for b in batches.values() if any(x is seen.x for x in b.views.values())), None)
    labels = {} if batch is None else {name: y for name, y in batch.labels.items() if name in targets}
    return ForwardPass(seen.x, seen.features, labels, {} if batch is None else batch.known)


def _split(batches: Mapping[str, Batch], count: int) -> list[dict[str, Batch]]:
    """Cut each stream's batch into the same number of micro-batches."""
    if count == 1:
        return [dict(batches)]
    cut = {name: batch.split(count) for name, batch in batches.items()}
    return [{name: pieces[i] for name, pieces in cut.items()} for i in range(count)]


def _not_finite(
    losses: Mapping[str, torch.Tensor],
    batches: Mapping[str, Batch],
    name: str,
    key: tuple[int, int, int],
    lr: float | None,
) -> str:
    wrong = first_few(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    rows = first_few((f"{name}: {first_few(batch.ids)}" for name, batch in batches.items()), "; ")
    update = f", update {key[2]}" if key[2] else ""
    return (
        f"The loss is not finite in {name} at step {key[1]}{update} ({wrong}). Rows of the batch: {rows}. "
        f"No weight was changed by it. Look at these rows, or lower the learning rate (now {lr:g})."
    )
