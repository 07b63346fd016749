"""How tasks are trained in pairs to be compared: what a recipe says of it, and what it leaves open."""

from __future__ import annotations

import dataclasses

from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import DataPlan, Recipe

SHARE = 0.3  # of labelled rows, which compare, where it is not said
STEPS = 100  # of a training, where it is not said


def for_pairs(recipe: Recipe) -> Recipe:
    """Keep the last stage of a recipe, with the objective `tasks`, and fill in what it leaves open.

    Args:
        recipe: The plan; without a strategy the last stage of the network learns, `partial k=1`.

    Returns:
        The recipe of a training.

    Raises:
        UsageError: It names one task alone.
    """
    if recipe.tasks is not None and len(recipe.tasks) < 2:
        raise one_alone()
    tasks = {name: _with_share(plan) for name, plan in (recipe.tasks or {}).items()}
    last = recipe.stages[-1]
    last = dataclasses.replace(
        last,
        strategy=last.strategy or Choice("partial", {"k": 1}),
        objective=Choice("tasks"),
        criterion=Choice("last"),
        sharing=None,
        combine=None,
        steps=last.steps or (None if last.epochs else STEPS),
    )
    data = recipe.data if tasks else _with_share(recipe.data)
    return dataclasses.replace(recipe, data=data, tasks=tasks or None, stages=(last,), refit="no")


def one_alone() -> UsageError:
    """Make the error of a single task."""
    return UsageError(
        "To compare tasks takes two or more, and there is one. Name each with its data "
        f"({option('task', 'NAME=DATA')}), or several label columns of one table ({option('label', 'ONE,OTHER')})."
    )


def _with_share(plan: DataPlan) -> DataPlan:
    return plan if plan.validation is not None else dataclasses.replace(plan, validation=SHARE)
