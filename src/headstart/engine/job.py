"""What the loop is given: jobs to do one after another, and the context they run in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choosing import most_rows
from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.recipe import Stage
from headstart.core.seeding import numpy_generator
from headstart.core.stopping import Stop
from headstart.core.types import (
    Criterion,
    Input,
    Listener,
    Objective,
    Rule,
    Scheme,
    Score,
    Strategy,
    Stream,
    Task,
    Tuning,
)
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import Transform, make_transform
from headstart.engine.distributed import World
from headstart.engine.proof import Moved
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Model


class Examples(NamedTuple):
    """Rows with the transform that turns them into batches."""

    rows: Rows
    transform: Transform


@dataclass(frozen=True)
class Job:
    """One stage of a recipe, with everything chosen.

    Attributes:
        strategy: How weights may move.
        objective: What is minimised.
        criterion: What chooses the best step.
        stage: Has its steps, lr, augment and evaluate.
        streams: What the objective learns from.
        training: The rows of each stream, by its name.
        measured: The rows of each of the criterion's pools; none where one of them has no rows.
        until: The step to end after, where all the stage's steps are too many; the schedule is that of all steps.
        levelled: The step from which on the rest of the schedule is run through, and its fraction that is done then.
        solved: What was chosen for heads that are solved, by target; what is not there is chosen.
        rule: What makes one update of several losses; None: their sum is minimised.
        sharing: What several targets have of their own; None: their heads alone.
        name: What messages call it: "training", or "stage 2 of 3".
    """

    strategy: Strategy
    objective: Objective
    criterion: Criterion
    stage: Stage
    streams: tuple[Stream, ...]
    training: Mapping[str, Examples]
    measured: Mapping[str, Examples]
    until: int | None = None
    levelled: tuple[int, float] | None = None
    solved: Mapping[str, Any] = field(default_factory=dict)
    rule: Rule | None = None
    sharing: Scheme | None = None
    name: str = "training"

    def prepare(self, model: Model) -> Tuning:
        """Let the strategy prepare the model, and give targets what they have of their own.

        Args:
            model: With a head a target.

        Returns:
            What learns, and how.

        Raises:
            UsageError: The strategy or the scheme does not fit the model, or they do not fit together.
        """
        if self.sharing is None:
            return self.strategy.prepare(model)
        tuning = self.sharing.prepare(model, self.strategy)
        looks = any(each is not None for each in (tuning.watch, tuning.survey, tuning.select))
        if looks or model.backbone._forward_hooks:
            raise UsageError(
                f"{name_of(self.strategy)} works on the features of one network, and {name_of(self.sharing)} gives "
                "each target features of its own. Choose another strategy, such as full, partial or lora."
            )
        return tuning


def make_job(
    strategy: Strategy,
    objective: Objective,
    criterion: Criterion,
    stage: Stage,
    data: Dataset,
    expects: Input,
    seed: int = 0,
) -> Job:
    """Put the rows to a stage.

    Args:
        strategy: How weights may move.
        objective: Names the streams, whose pools the data has.
        criterion: Names the pools or splits to measure; where one has no rows, nothing is measured.
        stage: The stage with everything chosen.
        data: The rows.
        expects: What the network takes.
        seed: Draws the rows of a pool without labels, where the criterion looks at some of them.

    Returns:
        The job. Pools of streams and criteria never contain the test rows.
    """
    assert stage.augment is not None
    streams = objective.streams_in(data.pools)
    training = {
        stream.name: Examples(data.pools[stream.pool], make_transform(expects, views=stream.shown(stage.augment)))
        for stream in streams
    }
    known = {**data.pools, **{name: rows for name, rows in data.splits.items() if name != "test"}}
    plain = make_transform(expects)
    most = most_rows(criterion)
    measured = {
        name: Examples(_some(known[name], most, seed, name), plain) for name in criterion.pools if name in known
    }
    complete = len(measured) == len(criterion.pools)
    rule = None if stage.combine is None else plugins.build("combine", stage.combine.name, stage.combine.options)
    scheme = None if stage.sharing is None else plugins.build("sharing", stage.sharing.name, stage.sharing.options)
    seen = measured if complete else {}
    return Job(strategy, objective, criterion, stage, streams, training, seen, rule=rule, sharing=scheme)


def _some(rows: Rows, most: int | None, seed: int, pool: str) -> Rows:
    """Draw so many rows of a pool without labels; labelled ones are few, and all are measured."""
    if most is None or rows.labels or len(rows) <= most:
        return rows
    return rows.take(np.sort(numpy_generator(seed, "measured", pool).permutation(len(rows))[:most]))


@dataclass(frozen=True)
class RunContext:
    """Where and how a run trains.

    Attributes:
        folder: Takes metrics.jsonl and checkpoints/.
        device: Where to compute.
        precision: The number format.
        seed: Decides everything random.
        workers: Processes that load data.
        task: What is learnt; its targets make tensors of their labels, and criteria are given it.
        listen: Is told what happens.
        stop: Lets a signal stop the run between two steps.
        budget: Seconds, for all jobs together.
        checkpoint: Seconds between saved steps; 0 saves each.
        resume: Whether to go on from the newest checkpoint.
        world: This process among all that train together.
        cache: Most bytes of features on disk, those of all runs together; 0 keeps none there.
        constant: Features of constant backbones that were computed for this context before.
        groups: By row, what must stay together in folds; rows without one are alone.
    """

    folder: Path
    device: torch.device
    precision: str
    seed: int
    workers: int
    task: Task
    listen: Listener
    stop: Stop
    budget: float | None = None
    checkpoint: float = 60.0
    resume: bool = False
    world: World = field(default_factory=World)
    groups: Mapping[str, str] = field(default_factory=dict)
    cache: int = 0
    constant: KnownFeatures = field(default_factory=KnownFeatures)


@dataclass(frozen=True)
class Outcome:
    """How training ended: the `best` score, the steps taken, why each stage ended, and what moved, by part.

    `kept` holds for each stage the step whose weights it ended with; None where validation rows chose more than it;
    `looked` holds by pool and target what the last evaluation of these very weights gave, where there was one;
    `levelled` where patience was used up, and the fraction of the schedule that was done then; None where it was not;
    `solved` what was chosen for heads that were solved, by target;
    `once` what was computed once, in words, or why nothing was.
    """

    best: Score | None
    steps: int
    seconds: float
    endings: tuple[str, ...]
    moved: Mapping[str, Moved]
    kept: tuple[int | None, ...] = ()
    levelled: tuple[tuple[int, float] | None, ...] = ()
    solved: tuple[Mapping[str, Any], ...] = ()
    once: tuple[str, ...] = ()
    looked: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
