"""The surgery that the targets of a run need, where its recipe does not name it, and whether their head fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import LINEAR, Recipe
from headstart.core.types import Target, Task
from headstart.models.model import Head


def suited(recipe: Recipe, task: Task) -> Recipe:
    """Take the surgery that targets need.

    Args:
        recipe: Its head is chosen; the surgery that it names stays.
        task: Has the targets.

    Returns:
        The recipe; as it was where none needs any.

    Raises:
        UsageError: Some targets have heads on pooled features and others have not, or the head is for others.
    """
    first = next((target for target in task.predicted.values() if not target.pooled), None)
    others = [name for name, target in task.predicted.items() if target.pooled]
    if first is not None and others:
        many = first_few(others)
        raise UsageError(
            f"Targets with heads on pooled features ({many}) cannot be learnt beside one whose head reads more."
        )
    if task.predicted and not _fits(recipe.head, task, first):
        fits = LINEAR.name if first is None else first.head
        raise UsageError(f"The head '{recipe.head.name}' does not fit the kind of target: take {option('head', fits)}.")
    if first is None:
        return recipe
    needed = [_unnamed(Choice.parse(text, "surgery"), recipe.surgery) for text in first.surgery]
    return dataclasses.replace(recipe, surgery=(*recipe.surgery, *(each for each in needed if each is not None)))


def _unnamed(needed: Choice, named: Sequence[Choice]) -> Choice | None:
    """Return what of an operation the recipe does not name itself; None where it names all of it."""
    own = [choice for choice in named if choice.name == needed.name]
    left = {key: value for key, value in needed.options.items() if all(key not in choice.options for choice in own)}
    return Choice(needed.name, left) if left or not own else None


def _fits(head: Choice, task: Task, special: Target | None) -> bool:
    made: Head = plugins.build("heads", head.name, head.options).build(1, next(iter(task.predicted.values())))
    return made.pooled if special is None else special.form in made.forms
