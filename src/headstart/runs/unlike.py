"""Whether given test rows look unlike the training rows; and what is kept to compare new rows with later."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headstart.artifact.reference import MOST as KEPT
from headstart.core.interface import call
from headstart.core.recipe import Recipe
from headstart.core.seeding import numpy_generator
from headstart.core.types import LEAST_TO_COMPARE, Event, Listener, silent
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Model
from headstart.solvers.two_samples import WIDEST, matched, unlike

MOST = 500  # rows of either split


def check_alike(
    data: Dataset, features: Callable[[str, np.ndarray], np.ndarray], seed: int, listen: Listener = silent
) -> str:
    """Tell whether test rows look unlike the training rows: the run's figures then say less of either.

    A test split that was drawn from the same rows is not looked at, nor one of another domain. As many rows of each
    class are compared, as the shares of the classes are no matter of what rows look like; and one row of each group.

    Args:
        data: Of the run.
        features: Gives those of the rows at some places of a split, [N, D].
        seed: Decides which rows are compared.
        listen: Is told.

    Returns:
        What was told; "" where rows look alike, or cannot be compared.
    """
    if "test" not in data.splits or "test" in data.drawn or data.splits["test"].domains is not None:
        return ""
    train, test = (features(split, places) for split, places in _places(data, seed).items())
    found = unlike(train, test, seed=seed)
    if found is None:
        return ""
    told = (
        f"the test rows look unlike the training rows: {found}. What is measured is of rows "
        f"unlike those that were learnt. {call('adapt', 'DATA', target='TARGET')} learns from such rows, too, without "
        "labels of theirs"
    )
    listen(Event("warning", told))
    return told


def reference(model: Model, data: Dataset, recipe: Recipe, precision: str, known: KnownFeatures) -> np.ndarray | None:
    """Compute the features of some rows that the model has not learnt, for its artefact.

    They are test rows, else validation rows. Rows of groups that the user named are no sample of independent rows, and
    new rows come without their groups: of such data nothing is kept.

    Args:
        model: As it is saved.
        data: Of the run.
        recipe: Of the run.
        precision: The number format.
        known: Features that need not be computed again; takes those that are computed now.

    Returns:
        [N, D]; None where there are too few rows, or too many features.
    """
    rows = data.splits.get("test") or (data.splits.get("validation") if recipe.refit != "yes" else None)
    grouped = any(plan.group for plan in recipe.plans.values())
    if rows is None or grouped or not data.task.predicted or model.backbone.dim > WIDEST:
        return None
    places = _one_of_each(data, rows, numpy_generator(recipe.seed, "reference"))[:KEPT]
    if len(places) < LEAST_TO_COMPARE:
        return None
    transform = make_transform(model.backbone.card.input, once=True)
    return embed(model, rows.take(places), transform, precision=precision, known=known)


def _places(data: Dataset, seed: int) -> dict[str, np.ndarray]:
    """Choose places in the splits "train" and "test": as many of each class, one row of a group."""
    random = numpy_generator(seed, "alike")
    splits = {name: data.splits[name] for name in ("train", "test")}
    strata = _strata(data, list(splits.values()))
    firsts = {name: _one_of_each(data, rows, random) for name, rows in splits.items()}
    chosen = matched(*(strata[name][places] for name, places in firsts.items()))
    order = random.permutation(len(chosen[0]))[:MOST]  # of the same classes in both
    return {name: places[own[order]] for (name, places), own in zip(firsts.items(), chosen, strict=True)}


def _one_of_each(data: Dataset, rows: Rows, random: np.random.Generator) -> np.ndarray:
    """Choose a row of each group, in a random order."""
    order, groups = random.permutation(len(rows)), data.groups_of(rows)
    return order if groups is None else np.array(list({groups[place]: place for place in order}.values()))


def _strata(data: Dataset, splits: list[Rows]) -> dict[str, np.ndarray]:
    """Find the class of each row by split; all are alike where the first target has none."""
    for name, target in data.task.predicted.items():
        strata = concatenate([rows.bare() for rows in splits]).by_row(name, target.strata)
        if strata is not None:
            return {"train": strata[: len(splits[0])], "test": strata[len(splits[0]) :]}
    return {"train": np.zeros(len(splits[0])), "test": np.zeros(len(splits[1]))}
