"""Solve the heads of a stage on features that stay the same, in the place of steps."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.progress import working
from headstart.core.seeding import mix
from headstart.core.types import Solving
from headstart.engine.build import BuiltStage
from headstart.features.frozen import FeatureTransform


def solve_heads(built: BuiltStage) -> tuple[str, dict[str, Any]]:
    """Put every head at its optimum for the stage's labelled rows.

    Each process has all features and finds the same; the writer's are taken.

    Args:
        built: A stage whose features were computed (`StageData.freeze_features`).

    Returns:
        How each head was solved, and by target what was chosen for it, so that more rows need not do it again.

    Raises:
        UsageError: The features change over the stage, or a head has no solution.
    """
    examples = built.data.labelled()
    if examples is None or not isinstance(examples.transform, FeatureTransform):
        raise UsageError(
            "optimiser = 'solve' needs features that stay the same, and a part of the backbone learns. "
            "Set the stage's optimiser to 'adamw'."
        )
    rows, context, stage = examples.rows, built.context, built.job.stage
    groups = [context.groups.get(name, name) for name in rows.ids] if context.groups else None
    seed = mix(context.seed, "solve", built.number)
    wanted = Solving(built.job.objective.loss_options, stage.imbalance, seed, groups)
    notes, chosen = {}, {}
    for name, head in built.model.by_target().items():
        with working("solving the head"):
            found = head.solve(
                cast(np.ndarray, rows.inputs), rows.labels[name], wanted._replace(chosen=built.job.solved.get(name))
            )
        notes[name], chosen[name] = found.note, found.chosen
    context.world.copy_from_writer(built.model)
    told = "; ".join(notes.values() if len(notes) == 1 else (f"{name}: {note}" for name, note in notes.items()))
    return told, chosen
