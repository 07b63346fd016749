"""Find out which tasks help each other: heads solved on the frozen source, a few steps, then trainings of pairs."""

from __future__ import annotations

import copy
import itertools
import math
import time
from typing import Any

from headstart.core.durations import rounded_up
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.progress import working
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.machine import choose_device, choose_threads, place, threads
from headstart.runs.begin import begin
from headstart.runs.choose import choose_start
from headstart.runs.features import known_features
from headstart.runs.network import build_model, load_backbone
from headstart.runs.plan import make_plan
from headstart.selection.affinity import Affinity
from headstart.selection.agreement import common_weights
from headstart.selection.for_pairs import SHARE, one_alone
from headstart.selection.pairs import measured
from headstart.selection.together import Setup, compared, seconds_of, solve, trained


def find_affinity(
    data: Any, recipe: Recipe, *, budget: float, listen: Listener = silent, stop: Stop | None = None
) -> Affinity:
    """Compare tasks. Test rows are never looked at.

    Args:
        data: What `begin` takes, with several tasks.
        recipe: As `for_pairs` gives it: how the data is read, the source, and how pairs are trained.
        budget: Seconds for all.
        listen: Is told what goes on.
        stop: Lets a signal stop a training between two steps.

    Returns:
        The affinity.

    Raises:
        UsageError: There is one task alone, one without validation rows, or the budget is too small for anything.
        DataError: Rows are wrong.
        SourceError: The source cannot be loaded.
    """
    began = time.monotonic()
    begun = begin(data, recipe, listen)
    dataset, recipe = begun.dataset, begun.named_in(recipe)
    tasks = _check(dataset)
    known = known_features(recipe, listen)
    recipe = recipe if recipe.source is not None else choose_start(recipe, dataset, listen, known)
    backbone = load_backbone(recipe, dataset, listen)
    with threads(choose_threads(backbone.card.params)):
        plan = make_plan(recipe, dataset, fixed=not backbone.card.params, backbone=backbone, known=known)
        start, transform = build_model(plan.recipe, dataset, backbone), make_transform(backbone.card.input)
        place(start, choose_device(recipe.device))
        setup = Setup(dataset, plan, start, transform, known, stop or Stop())
        common_weights(copy.deepcopy(start), plan.strategies[-1])  # refused before slow work, where there are none
        look, training = seconds_of(setup)
        if look > budget - (time.monotonic() - began):
            enough = rounded_up(1.5 * (time.monotonic() - began + look) + 3 * training)
            raise UsageError(
                f"{option('budget', f'{budget:g}s')} is too small: to compare the gradients alone takes about "
                f"{math.ceil(look)} s. {option('budget', enough)} would do for a pair, too."
            )
        with working("comparing gradients"):
            solve(setup)
            seen = compared(setup)
        pairs = sorted(
            itertools.combinations(tasks, 2),
            key=lambda pair: -seen.cosine[tasks.index(pair[0]), tasks.index(pair[1])],
        )
        listen(Event("note", f"gradients compared; first pair to train: {' and '.join(pairs[0])}"))
        since = time.monotonic()
        gains = measured(
            pairs,
            lambda names: trained(setup, names),
            lambda: budget - (time.monotonic() - began),
            time.monotonic,
            training,
        )
    spent, done = time.monotonic() - began, len(gains) // 2
    a_pair = (time.monotonic() - since) / done if done else 4 * training
    rows = {name: len(dataset.splits["validation"].of(name)) for name in tasks}
    steps = plan.recipe.stages[-1].steps or 0
    return Affinity(tasks, seen, gains, rows, steps, spent, 1.2 * (spent + a_pair * (len(pairs) - done)))


def _check(data: Dataset) -> list[str]:
    """Return the names of the tasks, and refuse one alone, and one that nothing can be measured of."""
    tasks = list(data.task.predicted)
    if len(tasks) < 2:
        raise one_alone()
    validation = data.splits.get("validation")
    bare = [name for name in tasks if validation is None or not len(validation.of(name))]
    if bare:
        raise UsageError(
            f"There are no validation rows of {first_few(bare)}, on which a gain is measured. Take more: "
            f"{option('validation', SHARE)}."
        )
    return tasks
