"""The losses of a micro-batch: the objective's, and what a strategy watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

import torch

from headstart.core.errors import UsageError, first_few, unknown
from headstart.core.seeding import seed_torch
from headstart.core.types import Batch, ForwardPass, Loss, Update
from headstart.engine.build import BuiltStage
from headstart.engine.machine import autocast, to_device
from headstart.models.model import Model


class Place(NamedTuple):
    """Which update it is: by these numbers dropout and the like are drawn; and how far the stage is, in [0, 1]."""

    stage: int
    step: int
    update: int
    progress: float


def forward(
    built: BuiltStage,
    batches: Mapping[str, Batch],
    update: Update,
    place: Place,
    number: int,
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Compute the losses of one micro-batch.

    Args:
        built: What learns, and how.
        batches: A micro-batch of each stream.
        update: Computes the losses.
        place: Which update of which step.
        number: Of the micro-batch.

    Returns:
        The objective's losses by name, and what is added to them; scalars, means over the micro-batch.
    """
    model, tuning, context = built.model, built.tuning, built.context
    others = ("process", context.world.rank) if context.world.rank else ()  # dropout is another one in each process
    seed_torch(context.seed, "step", *place[:3], number, *others)
    on_device = {name: to_device(batch, context.device) for name, batch in batches.items()}
    added: dict[str, torch.Tensor] = {}
    with autocast(context.precision, context.device), model.passes() as passes:
        named = update.losses(model, built.extra, on_device, place.progress)
        _check_losses(named, model)
        if tuning.watch is not None:
            targets = {loss.target for loss in named.values()}
            added["watched"] = tuning.watch([_with_labels(seen, on_device, targets) for seen in passes])
    values = {name: loss.value * _share(built, batches, name, loss) for name, loss in named.items()}
    return values, added


def _share(built: BuiltStage, batches: Mapping[str, Batch], name: str, loss: Loss) -> float:
    """Return the share of its batch that a piece has of the stream that a target's loss is named after, by the first's.

    It is 1 where all are cut alike; else the loss of the whole batch would not be the sum of those of its pieces.
    """
    if loss.target is None or name not in batches:
        return 1.0
    assert built.job.stage.batch_size is not None
    whole = {stream.name: stream.rows(built.job.stage.batch_size) for stream in built.job.streams}
    own, first = (len(batches[stream]) / whole[stream] for stream in (name, next(iter(batches))))
    return own / first


def remember(built: BuiltStage) -> Callable[[], None]:
    """Return what lets the objective forget what it takes in of a step from now on (`Objective.summed`).

    Rows that are computed once more, in smaller pieces or with other weights of their losses, would count twice.
    """
    tensors = built.job.objective.summed(built.extra)
    before = [tensor.clone() for tensor in tensors]

    def put_back() -> None:
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)

    return put_back


def fractions(built: BuiltStage, micro_batches: Sequence[Mapping[str, Batch]]) -> list[float]:
    """Return the share of the step's rows, those of all processes, that each micro-batch has."""
    stage, world = built.job.stage, built.context.world
    sizes = [len(next(iter(batches.values()))) for batches in micro_batches]
    assert stage.batch_size is not None
    first = next(iter(micro_batches[0]))
    whole = next(stream.rows(stage.batch_size) for stream in built.job.streams if stream.name == first)
    rows = sum(sizes) if world.size == 1 else whole
    return [size / rows for size in sizes]


def is_finite(built: BuiltStage, total: torch.Tensor) -> bool:
    """Return whether a loss is finite, on a CPU: a GPU would have to be waited for, and is asked later."""
    return built.context.device.type != "cpu" or bool(torch.isfinite(total))


def wrong_with(
    built: BuiltStage, losses: Mapping[str, torch.Tensor], batches: Mapping[str, Batch], place: Place
) -> str:
    """Say which losses are not finite, and of which rows."""
    wrong = first_few(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    rows = first_few((f"{name}: {first_few(batch.ids)}" for name, batch in batches.items()), "; ")
    update = f", update {place.update}" if place.update else ""
    return (
        f"The loss is not finite in {built.job.name} at step {place.step}{update} ({wrong}). Rows of the batch: "
        f"{rows}. No weight was changed by it. Look at these rows, or lower the learning rate "
        f"(now {built.job.stage.lr:g})."
    )


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


def _with_labels(seen: ForwardPass, batches: Mapping[str, Batch], targets: Set[str | None]) -> ForwardPass:
    """Return a pass with the labels of the view that it was made of, of the targets that the losses are made of."""
    batch = next((b for b in batches.values() if any(x is seen.x for x in b.views.values())), None)
    labels = {} if batch is None else {name: y for name, y in batch.labels.items() if name in targets}
    return ForwardPass(seen.x, seen.features, labels, {} if batch is None else batch.known)
