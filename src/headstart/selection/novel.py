"""Which rows are asked in episodes: those of classes that were not learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.core.episodes import Episode, fitted, sizes_of
from headstart.core.errors import UsageError, first_few, unknown
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.seeding import numpy_generator
from headstart.core.types import Listener, Target
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.runs.begin import begin

BASE_ROWS = 500  # of other classes, whose mean rows are centred by
CLASSES = ("classes", "embeddings")  # forms of targets whose rows are of one class each


class Asked(NamedTuple):
    """What is asked: rows with the class of each, [N], below 0 where it is none of the episodes'; and of what size."""

    data: Dataset
    rows: Rows
    labels: np.ndarray
    episode: Episode
    base: str

    @property
    def classes(self) -> int:
        """How many classes episodes are made of."""
        return len(np.unique(self.labels[self.labels >= 0]))


def ask(data: Any, recipe: Recipe, run: Path | None, novel: Sequence[str], listen: Listener) -> Asked:
    """Read the rows, and find out which classes are asked.

    Args:
        data: What `begin` takes; None is the run's own.
        recipe: Says how it is read.
        run: The folder of a saved model; None for a source.
        novel: The classes that are asked; without any, those that the run has not learnt.
        listen: Is told what goes on.

    Returns:
        The rows; how large episodes are is left open.

    Raises:
        UsageError: A class is not there, none is left, or rows are not of one class each.
        DataError: Rows are wrong.
    """
    if run is not None:
        from headstart.selection.own_classes import of_run  # reads the saved model

        dataset, learnt, base = of_run(run, data, recipe, listen)
    else:
        whole = replace(recipe, data=replace(recipe.data, validation=0.0, test=0.0))
        dataset, learnt, base = begin(data, whole, listen).dataset, frozenset(), ""
    rows, target = _labelled(dataset)
    labels = np.asarray(rows.y)
    names = {label: _name(target, label) for label in np.unique(labels).tolist()}
    for name in novel:
        if name not in names.values():
            raise unknown("class", name, sorted(names.values()))
    wanted = {label for label, name in names.items() if (name in novel if novel else name not in learnt)}
    if not wanted:
        raise UsageError(
            f"The run has learnt or chosen by all classes of this data ({first_few(names.values())}). Give it rows of "
            f"others, or name those to ask for all the same: {option('novel', 'NAME')}."
        )
    return Asked(
        dataset, rows, np.where(np.isin(labels, list(wanted)), labels, -1), Episode(ways=2, shots=1, queries=1), base
    )


def sized(asked: Asked, ways: int | None, shots: int, queries: int | None) -> Asked:
    """Say how large episodes are (`fitted`)."""
    target = next(iter(asked.data.task.predicted.values()))
    sizes = sizes_of(asked.labels, lambda label: _name(target, label))
    return asked._replace(episode=fitted(sizes, ways, shots, queries))


def _labelled(dataset: Dataset) -> tuple[Rows, Target]:
    """Put the labelled rows of all splits together. UsageError: rows are not of one class each."""
    targets = dataset.task.predicted
    if len(targets) != 1 or (target := next(iter(targets.values()))).form not in CLASSES:
        raise UsageError(
            "Episodes are made of rows of one class each, and this data predicts "
            f"{first_few(targets) if len(targets) > 1 else dataset.task.sentence()}. Name the column of classes "
            f"({option('label')}), or the kind of task ({option('task')})."
        )
    return concatenate([dataset.splits[name] for name in dataset.splits]), target


def _name(target: Any, label: int) -> str:
    return target.classes[label] if target.classes else target.name_of(label)


def base_rows(asked: Asked, seed: int) -> np.ndarray:
    """Draw rows of classes that are not asked: their mean is what rows are centred by."""
    others = np.flatnonzero(asked.labels < 0)
    return np.sort(numpy_generator(seed, "base rows").permutation(others)[:BASE_ROWS])
