"""More evidence for the end: where validation rows are few, the best trial is trained anew without other rows.

One small validation split decides by luck. So the finalist and the probe that it has to beat are measured by
cross-validation on the training rows as well, fold by fold while time is left; what they gave all these rows is
compared, row by row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from headstart.core import storage
from headstart.core.recipe import Recipe
from headstart.core.types import Score, Task
from headstart.data.pools import with_training
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.evaluation.quick import rated
from headstart.selection.trial import Setup, train
from headstart.solvers.folds import make_folds

ENOUGH = 500  # validation rows, by which a difference of a few points can be told
FOLDS = 5  # of the training rows
NEVER = 10**9  # a step that no trial waits at

Outputs = Mapping[str, np.ndarray]


def is_needed(data: Dataset) -> bool:
    """Return whether validation rows are so few that other rows have to be asked too."""
    return len(data.splits["validation"]) < ENOUGH


def fold_datasets(data: Dataset, seed: int) -> list[Dataset]:
    """Divide the training rows into folds, each of which is the validation split of a data set of its own.

    Args:
        data: With validation rows. Where they were drawn from the training rows, they are learnt in every fold.
        seed: Of the folds.

    Returns:
        The data sets.
    """
    rows = data.splits["train"]
    name, target = next(iter(data.task.predicted.items()))
    fold = make_folds(len(rows), seed, rows.by_row(name, target.fold_strata), data.groups_of(rows), count=FOLDS)
    made = []
    for number in np.unique(fold):
        learnt = rows.take(np.flatnonzero(fold != number))
        if "validation" in data.drawn:
            learnt = concatenate([learnt, data.splits["validation"]])
        splits = {"train": learnt, "validation": rows.take(np.flatnonzero(fold == number))}
        own = with_training(data.pools, learnt)
        made.append(dataclasses.replace(data, splits=splits, pools=own, fingerprint=f"{data.fingerprint}-{number}"))
    return made


def more_outputs(
    recipe: Recipe,
    folder: Path,
    setup: Setup,
    seconds: float,
    left: Callable[[], float],
    probe: Callable[[Setup], Outputs | None],
) -> list[tuple[Rows, Outputs, Outputs]]:
    """Train a recipe and a probe without one fold after another, as long as there is time.

    Args:
        recipe: Of the trial, with everything chosen.
        folder: Of the trial; keeps what a fold gave, so that it is not trained twice.
        setup: Of the search.
        seconds: That a fold will take.
        left: Seconds that are left.
        probe: Gives what the probe gives for the validation rows of a data set.

    Returns:
        Of each fold its rows, and what the trial and the probe gave for them.
    """
    found: list[tuple[Rows, Outputs, Outputs]] = []
    for number, data in enumerate(fold_datasets(setup.dataset, recipe.seed)):
        own = dataclasses.replace(setup, dataset=data)
        place = folder / f"fold-{number}"
        outputs = read_outputs(place)
        if outputs is None:
            if left() < 1.1 * seconds:
                break
            outputs = train(recipe, place, NEVER, own, lambda: left() <= 0).outputs
            if left() <= 0 or not outputs:
                break
            write_outputs(place, outputs)
        solved = probe(own)
        if solved is None:
            break
        found.append((data.splits["validation"], outputs, solved))
    return found


def pooled(task: Task, parts: Sequence[tuple[Rows, Outputs]]) -> Score:
    """Score what was given for the rows of several parts, together.

    Args:
        task: What is predicted.
        parts: Rows, and outputs by target.

    Returns:
        The score with its noise.
    """
    rows = concatenate([rows for rows, _ in parts])
    names = parts[0][1]
    outputs = {name: np.concatenate([outputs[name] for _, outputs in parts]) for name in names}
    return rated(task, rows, outputs, least=0)


def write_outputs(folder: Path, outputs: Outputs) -> None:
    """Keep outputs in a trial's folder."""
    with storage.new_file(folder / "outputs.npz") as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f"of {name}": values for name, values in outputs.items()})


def read_outputs(folder: Path) -> dict[str, np.ndarray] | None:
    """Read what `write_outputs` kept; None where nothing was."""
    path = folder / "outputs.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return {name.removeprefix("of "): file[name] for name in file.files}
