"""The beginning of a run: names are checked and data is read before torch and the networks are imported.

Those take seconds and hundreds of megabytes, and a reader is to see at once how the data was understood.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import unknown
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset
from headstart.data.tasks import named, read_data

QUICK_DEVICES = ("auto", "cpu")  # of which torch need not be asked whether they are there


@dataclass(frozen=True)
class Begun:
    """Data that was read and told. path: where it is; None in memory, and of several tasks, whose paths have names."""

    dataset: Dataset
    path: str | None

    def named_in(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the path of the data."""
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, path=self.path))


def begin(data: Any, recipe: Recipe, listen: Listener = silent) -> Begun:
    """Check the names in a recipe and read its data.

    Args:
        data: What `headstart.read` takes, of tasks by name; a `Dataset`, or what this returned; None takes the
            recipe's path.
        recipe: The plan.
        listen: Is told what was inferred.

    Returns:
        The data.

    Raises:
        UsageError: A name, an option or a path is wrong.
        DataError: Rows are wrong; all of them are named.
    """
    if isinstance(data, Begun):
        return data
    check(recipe)
    path = str(data) if isinstance(data, str | Path) else recipe.data.path
    dataset = data if isinstance(data, Dataset) else read_data(named(data, recipe), recipe)
    check_main(recipe, dataset.task.predicted)
    for note in dataset.notes:
        listen(Event("note", note))
    return Begun(dataset, path)


def check(recipe: Recipe) -> None:
    """Check the names and options in a recipe, and the device.

    Args:
        recipe: The plan.

    Raises:
        UsageError: One is wrong.
    """
    for kind, name in _of_data(recipe):
        plugins.load(kind, name)
    if recipe.tasks or recipe.data.targets:
        check_main(recipe, recipe.tasks or recipe.data.targets or ())
    if not _is_plain(recipe):
        from headstart.engine.machine import choose_device
        from headstart.runs.plan import check_names

        check_names(recipe)
        choose_device(recipe.device)


def check_main(recipe: Recipe, targets: Collection[str]) -> None:
    """Check that the target that counts is one of those that there are. UsageError: it is none."""
    if recipe.main is not None and recipe.main not in targets:
        raise unknown("target" if recipe.tasks is None else "task", recipe.main, list(targets))


def _of_data(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield the plug-ins that say how the data is read, with their kinds."""
    for plan in recipe.plans.values():
        yield from (("targets", named.task) for named in plan.by_target.values() if named.task)
        yield from (("inputs", name) for name in [plan.modality] if name)
        yield from (("readers", choice.name) for choice in [plan.reader] if choice)


def _is_plain(recipe: Recipe) -> bool:
    """Return whether nothing that a recipe names can be wrong, as far as it can be seen without importing it."""
    if os.environ.get("HEADSTART_PLUGINS") or recipe.device not in QUICK_DEVICES or recipe.surgery or not recipe.stages:
        return False
    if any(stage.optimiser != Stage().optimiser for stage in recipe.stages):
        return False
    return all(not choice.options and plugins.is_plain(kind, choice.name) for kind, choice in _named(recipe))


def _named(recipe: Recipe) -> Iterator[tuple[str, Choice]]:
    """Yield every plug-in that a recipe names, with its kind."""
    if recipe.source is not None:
        yield "sources", Choice(recipe.source.name.partition(":")[0], recipe.source.options)
    yield "heads", recipe.head
    for stage in recipe.stages:
        named = {
            "strategies": stage.strategy,
            "objectives": stage.objective,
            "combine": stage.combine,
            "sharing": stage.sharing,
            "criteria": stage.criterion,
            "views": stage.augment,
        }
        for kind, choice in named.items():
            if choice is not None:
                yield kind, choice if isinstance(choice, Choice) else Choice(choice)
