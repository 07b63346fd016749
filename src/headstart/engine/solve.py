"""Solve heads on features that stay the same: those of a stage in the place of steps, and those of probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.progress import working
from headstart.core.seeding import mix
from headstart.core.types import Mapped, Solved, Solving
from headstart.data.rows import Rows, concatenate
from headstart.engine.build import BuiltStage
from headstart.engine.predict import predict
from headstart.features.frozen import FeatureTransform, frozen_rows
from headstart.models.model import Model
from headstart.models.pooling import own_part


def solve_all(
    model: Model,
    features: np.ndarray,
    rows: Rows,
    wanted: Solving,
    chosen: Mapping[str, Sequence[Any] | None] | None = None,
) -> dict[str, Solved] | None:
    """Put every head of a model at its optimum, each for the rows that have a label of its target.

    A head that has no solution under this way with rare classes (focal loss) is solved without it.

    Args:
        model: Its heads are changed.
        features: As the heads pool them, [N, D].
        rows: The same N rows, labelled.
        wanted: What the heads are to be the optimum of.
        chosen: By target what was chosen for other rows, which is taken, not chosen again.

    Returns:
        By target how its head was solved; None where a head has no solution, and then none is changed.
    """
    plain = wanted._replace(imbalance="none")
    heads = model.by_target()
    if not all(head.solves(plain) for head in heads.values()):
        return None
    found = {}
    for name, head in heads.items():
        labels, own = rows.labels_of(name), _of_some(wanted, rows.known.get(name))
        own = own if head.solves(wanted) else own._replace(imbalance="none")
        head.output.rebalance(own.imbalance, labels)
        seen = own_part(features[rows.places(name)], head.part)
        solved = head.solve(seen, labels, own._replace(chosen=(chosen or {}).get(name)))
        if name in rows.known:
            solved = solved._replace(out_of_fold=rows.among_all(name, solved.out_of_fold, np.nan))
        found[name] = solved
    return found


def _of_some(wanted: Solving, known: np.ndarray | None) -> Solving:
    """Keep the groups and the weights of the rows that have a label, [N]; None: of all."""
    if known is None:
        return wanted
    groups = wanted.groups and [group for group, has in zip(wanted.groups, known, strict=True) if has]
    return wanted._replace(groups=groups, weights=None if wanted.weights is None else wanted.weights[known])


def solve_mapped(
    model: Model,
    mapped: Mapped,
    rows: Rows,
    wanted: Solving,
    chosen: Mapping[str, Sequence[Any] | None] | None = None,
    few: Rows | None = None,
) -> dict[str, Solved] | None:
    """Put every head at its optimum for what a mapping made of the rows, and what it does to others before the head.

    Args:
        model: Its heads are changed.
        mapped: What they learn.
        rows: The labelled rows, whose labels count where the mapping gives none.
        wanted: What the heads are to be the optimum of.
        chosen: As of `solve_all`.
        few: Labelled rows of the target, with their features; they count as much as all the others together.

    Returns:
        As `solve_all`.
    """
    rows = Rows(rows.ids, mapped.rows, rows.labels, known=rows.known)
    if mapped.labels is not None:  # of other rows, which are in no groups
        labels, wanted = dict.fromkeys(rows.labels, mapped.labels), wanted._replace(groups=None)
        rows = Rows([str(place) for place in range(len(mapped.rows))], mapped.rows, labels)
    if few is not None:
        rows, mapped = _beside(mapped, rows, few)
        wanted = wanted._replace(groups=wanted.groups and [*wanted.groups, *few.ids])
    found = solve_all(model, rows.inputs, rows, wanted._replace(weights=mapped.weights), chosen)
    if found is not None and mapped.matrix is not None and mapped.offset is not None:
        for head in model.by_target().values():
            head.precede(mapped.matrix, mapped.offset)
    return found


def _beside(mapped: Mapped, rows: Rows, few: Rows) -> tuple[Rows, Mapped]:
    """Put labelled rows of the target beside what a mapping made, mapped as such rows are; either side is half."""
    inputs, own = cast(np.ndarray, few.inputs), mapped.rows
    if mapped.matrix is not None and mapped.offset is not None:
        inputs = inputs @ mapped.matrix.T + mapped.offset
    weights = np.ones(len(own)) if mapped.weights is None else mapped.weights
    both = np.concatenate([weights / weights.sum(), np.full(len(few), 1 / len(few))]) * (len(own) + len(few)) / 2
    few = Rows(few.ids, inputs.astype(own.dtype), few.labels, known=few.known)
    return concatenate([rows, few]), mapped._replace(weights=both)


def answers(model: Model, rows: Rows, features: np.ndarray) -> dict[str, np.ndarray]:
    """Give what the heads of a model say of rows whose pooled features [N, D] are known: by target, decoded."""
    return predict(model, frozen_rows(rows, features), FeatureTransform())


def solve_stage(built: BuiltStage) -> tuple[str, dict[str, Any]]:
    """Put every head at its optimum for a stage's labelled rows.

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
    training = built.data.training
    features = {name: cast(np.ndarray, each.rows.inputs) for name, each in training.items()}
    few = next((training[stream.name].rows for stream in built.job.objective.also if stream.name in training), None)
    mapped = built.job.objective.maps(built.model, features, rows.labels) or Mapped(cast(np.ndarray, rows.inputs))
    with working("solving the head"):
        found = solve_mapped(built.model, mapped, rows, wanted, built.job.solved, few)
    assert found is not None  # a plan solves no other heads
    context.world.copy_from_writer(built.model)
    notes = {name: each.note for name, each in found.items()}
    told = "; ".join(notes.values() if len(notes) == 1 else (f"{name}: {note}" for name, note in notes.items()))
    return told, {name: each.chosen for name, each in found.items()}
