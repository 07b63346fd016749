"""What of a stage is saved at a step, how it is put back, and how much room it takes."""

from __future__ import annotations

from typing import Any

from headstart.core.types import Score
from headstart.engine import checkpoint
from headstart.engine.build import BuiltStage
from headstart.engine.checkpoint import Checkpoint, Tensors
from headstart.engine.state import (
    Progress,
    load_model,
    model_tensors,
    pack_optimiser,
    unpack_optimiser,
)


def pack(built: BuiltStage) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """Return the tensors of a stage as it stands, by group, and the JSON data of its optimiser."""
    optimiser, plain = ({}, {}) if built.optimiser is None else pack_optimiser(built.optimiser)
    tensors = {
        "model": model_tensors(built.model, built.moved),
        "extra": built.extra.state_dict(),
        "optimiser": optimiser,
        "combine": {} if built.combiner is None else built.combiner.pack(),
        "average": built.average.pack()[0],
    }
    return {group: values for group, values in tensors.items() if values}, plain


def restore(built: BuiltStage, saved: Checkpoint) -> tuple[Progress, Score | None]:
    """Put a stage back to where a checkpoint left it.

    Args:
        built: At its start.
        saved: The tensors of `pack`, and where the stage stood.

    Returns:
        Where it stands, and the score to beat.
    """
    state, tensors = saved.state, saved.parts
    load_model(built.model, tensors["model"])
    built.extra.load_state_dict(tensors.get("extra", {}))
    if built.optimiser is not None:
        unpack_optimiser(built.optimiser, tensors.get("optimiser", {}), state["optimiser"])
    if built.combiner is not None:
        built.combiner.restore(tensors.get("combine", {}), state["combined"])
    built.average.restore(tensors.get("average", {}), state["updates"])
    return Progress(**state["stage"]), Score.from_plain(state["score"])


def check_room(built: BuiltStage) -> None:
    """Check that the checkpoints and the model fit on the run's volume: two steps, their bests and a new best.

    Args:
        built: At its start, when the optimiser has no state yet.

    Raises:
        StorageError: They do not.
    """
    learning = [p for p in built.model.parameters() if p.requires_grad]
    more = (2 + built.average.growth) * sum(p.numel() * p.element_size() for p in learning)
    step = checkpoint.size(pack(built)[0]) + more
    best = checkpoint.size({"model": model_tensors(built.model, built.moved)})
    whole = checkpoint.size({"": built.model.state_dict()})
    if built.context.world.is_writer:
        checkpoint.check_space(built.context.folder, 2 * step + 3 * best + whole)
