"""One training step: its updates (one, or a stepper's), each with losses of micro-batches, gradients, clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.interface import option
from headstart.core.tuning import couples_rows
from headstart.core.types import MODEL_PARTS, Batch, Event, Objective, Stepper, Update
from headstart.engine.build import BuiltStage
from headstart.engine.combining import combined_gradients
from headstart.engine.forward import Place, forward, fractions, is_finite, remember, wrong_with
from headstart.engine.gradients import pass_on
from headstart.engine.lone import lone_values
from headstart.engine.memory import is_out_of_memory
from headstart.engine.penalties import penalise
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
    how = gradients if built.combiner is None else combined_gradients
    micro_batches = min(micro_batches, *map(len, batches.values()))  # of several processes each has fewer rows
    for number, update in enumerate(updates_of(built.job.objective)):
        learning = learning_of(built.model, built.extra, update)
        if not learning:
            continue
        found, put_back = None, remember(built)
        while found is None:
            optimiser.zero_grad(set_to_none=True)
            try:
                cut = _split(batches, micro_batches)
                with lone_values(built, cut):
                    found = how(built, cut, update, learning, Place(built.number, step, number, progress))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                micro_batches = _smaller(built, micro_batches, batches, error)
                put_back()
        losses, wrong = found
        if world.most(float(bool(wrong))):
            raise TrainingError(wrong or "The loss is not finite in another process, which names the rows.")
        world.add_gradients(learning)
        on_weights = penalise(built, learning)
        if on_weights and not is_finite(built, torch.stack(list(on_weights.values())).sum()):
            raise TrainingError(wrong_with(built, on_weights, batches, Place(built.number, step, number, progress)))
        means |= losses | on_weights
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
    place: Place,
) -> tuple[dict[str, torch.Tensor], str]:
    """Add up the gradients of one update over the micro-batches.

    Args:
        built: What learns, and how.
        micro_batches: Micro-batches of each stream.
        update: Computes the losses.
        learning: What they are minimised over.
        place: Which update of which step.

    Returns:
        The fraction of each named loss, and what is wrong where one is not finite.
    """
    sums: dict[str, torch.Tensor] = {}
    for number, fraction in enumerate(fractions(built, micro_batches)):
        named, added = forward(built, micro_batches[number], update, place, number)
        losses = named | added
        total = torch.stack([loss.float() for loss in losses.values()]).sum() * fraction
        if not is_finite(built, total):
            return sums, wrong_with(built, losses, micro_batches[number], place)
        total.backward(inputs=learning)
        for name, loss in losses.items():
            value = loss.detach().double() * fraction
            sums[name] = sums[name] + value if name in sums else value
    pass_on(built.model.backbone, built.tuning.tied, learning)
    return sums, ""


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


def _split(batches: Mapping[str, Batch], count: int) -> list[dict[str, Batch]]:
    """Cut each stream's batch into the same number of micro-batches."""
    if count == 1:
        return [dict(batches)]
    cut = {name: batch.split(count) for name, batch in batches.items()}
    return [{name: pieces[i] for name, pieces in cut.items()} for i in range(count)]
