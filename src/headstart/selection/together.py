"""Trainings of some tasks together: all begin with the same heads, solved on the frozen source."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.progress import working
from headstart.core.seeding import mix
from headstart.core.stopping import Stop
from headstart.core.types import Batch, Solving, Stream, silent
from headstart.data.pools import TASK
from headstart.data.rows import Dataset
from headstart.data.streams import BatchStream, Labelling
from headstart.data.transforms import Transform
from headstart.engine.cost import measure_cost
from headstart.engine.fit import fit
from headstart.engine.machine import choose_device, choose_precision, to_device
from headstart.engine.predict import embed, predict
from headstart.engine.solve import solve_all
from headstart.evaluation.quick import rated, rated_by_loss
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Model
from headstart.runs.plan import Plan
from headstart.runs.training import make_jobs
from headstart.selection.agreement import Agreement, agreement
from headstart.selection.pairs import Rated

LOOKS = 10  # steps by which gradients are compared


class Setup(NamedTuple):
    """What all trainings have in common; `start` has the solved heads."""

    data: Dataset
    plan: Plan
    start: Model
    transform: Transform
    known: KnownFeatures
    stop: Stop


def seconds_of(setup: Setup) -> tuple[float, float]:
    """Estimate what comparing the gradients takes, and a training for each of its tasks."""
    data, stage, count = setup.data, setup.plan.recipe.stages[-1], len(setup.data.task.predicted)
    assert stage.steps is not None and stage.batch_size is not None
    cost = measure_cost(setup.start, data.splits["train"], setup.transform)
    steps = LOOKS * stage.batch_size * (count * cost.learn + count**2 * cost.look)
    validation = len(data.splits["validation"]) / count * cost.look
    return len(data.splits["train"]) * cost.look + steps, stage.steps * stage.batch_size * cost.learn + validation


def solve(setup: Setup) -> None:
    """Put the heads at their optimum on the features of the source as it is. UsageError: a head has none."""
    rows, recipe = setup.data.splits["train"], setup.plan.recipe
    features = embed(setup.start, rows, setup.transform, known=setup.known)
    options = setup.plan.objectives[-1].loss_options
    groups = setup.data.groups_of(rows)
    wanted = Solving(options, recipe.stages[-1].imbalance, mix(recipe.seed, "affinity"), groups)
    if solve_all(setup.start, features, rows, wanted) is None:
        raise UsageError(
            f"The head '{recipe.head.name}' has no solution for these tasks. Use {option('head', 'linear')}."
        )


def compared(setup: Setup) -> Agreement:
    """Compare the gradients of the tasks. UsageError: nothing in the network learns."""
    objective, strategy = setup.plan.objectives[-1], setup.plan.strategies[-1]
    return agreement(copy.deepcopy(setup.start), strategy, _batches(setup), objective.loss_options)


def _batches(setup: Setup) -> list[dict[str, Batch]]:
    """Draw a batch of each task for each step; tasks that have the same rows get the same ones."""
    recipe, targets = setup.plan.recipe, setup.data.task.predicted
    device = choose_device(recipe.device)
    streams = {
        name: BatchStream(
            setup.data.pools[f"{TASK}{name}"],
            setup.transform,
            stream=Stream("affinity"),
            batch_size=recipe.stages[-1].batch_size or 1,
            seed=recipe.seed,
            labelling=Labelling.of({name: target}),
        ).batches()
        for name, target in targets.items()
    }
    return [{name: to_device(next(batches), device) for name, batches in streams.items()} for _ in range(LOOKS)]


def trained(setup: Setup, names: tuple[str, ...]) -> Mapping[str, Rated]:
    """Train some of the tasks together from the solved heads, and rate each on its validation rows."""
    data, plan, start = setup.data, setup.plan, setup.start
    task = dataclasses.replace(data.task, targets={name: data.task.targets[name] for name in names})
    pools = {f"{TASK}{name}": data.pools[f"{TASK}{name}"] for name in names}
    own = dataclasses.replace(data, task=task, splits={}, pools=pools)
    model = Model(copy.deepcopy(start.backbone), {name: copy.deepcopy(start.by_target()[name]) for name in names})
    precision = choose_precision(plan.recipe.precision, choose_device(plan.recipe.device))
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder, working(f"training {' and '.join(names)}"):
        jobs, context = make_jobs(plan, own, model.backbone, Path(folder), silent, setup.stop, precision)
        fit(model, jobs, dataclasses.replace(context, budget=None, constant=setup.known))
    found = {}
    for name in names:
        rows, alone = data.splits["validation"].of(name), data.task.alone(name)
        outputs = predict(model, rows, setup.transform, precision=precision)
        outputs = {name: outputs[name]}
        found[name] = Rated(rated_by_loss(alone, rows, outputs, 0), rated(alone, rows, outputs, 0))
    return found
