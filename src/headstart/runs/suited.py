"""The surgery that the targets of a run need, where its recipe does not name it, and whether their head fits."""

from __future__ import annotations

import dataclasses

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.recipe import LINEAR, Recipe
from headstart.core.types import Task
from headstart.models.model import Head
from headstart.models.operate import build


def suited(recipe: Recipe, task: Task) -> Recipe:
    """Take the surgery of dense targets.

    Args:
        recipe: Its head is chosen; the surgery that it names stays.
        task: Has the targets.

    Returns:
        The recipe; as it was where no target is dense.

    Raises:
        UsageError: Some targets are dense and others are not, the head is for others, or no source is named.
    """
    first = next((target for target in task.predicted.values() if target.dense), None)
    others = [name for name, target in task.predicted.items() if not target.dense]
    if first is not None and others:
        many = first_few(others)
        raise UsageError(f"Targets of whole examples ({many}) cannot be learnt beside one of each place of them.")
    if task.predicted and _is_dense(recipe.head, task) != (first is not None):
        fits = LINEAR.name if first is None else first.head
        raise UsageError(f"The head '{recipe.head.name}' does not fit the kind of target: take {option('head', fits)}.")
    if first is None:
        return recipe
    if recipe.source is None:
        raise UsageError(f"Name a source of convolutions for this kind of target: {option('source', 'timm:resnet18')}.")
    known = [build(choice) for choice in recipe.surgery]
    needed = [Choice.parse(text, "surgery") for text in first.surgery]
    more = tuple(choice for choice in needed if build(choice) not in known)
    return dataclasses.replace(recipe, surgery=(*recipe.surgery, *more))


def _is_dense(head: Choice, task: Task) -> bool:
    made: Head = plugins.build("heads", head.name, head.options).build(1, next(iter(task.predicted.values())))
    return made.dense
