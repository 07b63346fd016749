"""The classes of data that a saved model has not learnt, and has not been chosen by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from headstart.artifact.find import find
from headstart.artifact.load import load
from headstart.core.options import to_plain
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import Listener
from headstart.data.rows import Dataset
from headstart.runs.begin import begin


def of_run(folder: Path, data: Any, recipe: Recipe, listen: Listener) -> tuple[Dataset, frozenset[str], str]:
    """Read data as a run reads its own.

    Args:
        folder: Of the run.
        data: What `begin` takes; None is the run's own data.
        recipe: Where it says how the data is read, that counts.
        listen: Is told what goes on.

    Returns:
        The data; the names of the classes that the run has learnt or chosen by: of its own data all that are in no
        test split, where whole classes are held out; and what to add when episodes are told of.
    """
    find(folder)
    predictor = load(folder, device="cpu")
    plan = _plan(predictor.recipe, recipe)
    own = data is None or str(data) == plan.data.path
    dataset = begin(plan.data.path if data is None else data, plan, listen).dataset
    target = next(iter(predictor.task.predicted.values()))
    known = set(target.classes or getattr(target, "identities", ()))
    if own and target.new_classes and "test" in dataset.splits:
        held: Any = next(iter(dataset.task.predicted.values()))
        known -= {held.name_of(label) for label in np.unique(dataset.splits["test"].y).tolist()}
    return dataset, frozenset(known), " that the run has not learnt"


def _plan(run: Recipe, asked: Recipe) -> Recipe:
    """Read as the run does, but for what is asked for otherwise."""
    usual = to_plain(DataPlan())
    changed = {name: value for name, value in to_plain(asked.data).items() if value != usual.get(name)}
    settings = {f"data.{name}": value for name, value in changed.items()}
    return dataclasses.replace(run.with_settings(settings), stages=Recipe().stages, surgery=())  # nothing is trained
