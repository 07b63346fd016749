"""Whether the given test rows look unlike the training rows, by features that are there anyway."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headstart.core.interface import call
from headstart.core.seeding import numpy_generator
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset, Rows, join
from headstart.solvers.two_samples import told_apart

LEVEL = 1e-4  # of one in so many splits of like rows it is said that they are not
MOST, LEAST = 500, 30  # rows of either split
WIDEST = 5000  # features: those of terms are told apart no faster than they are computed


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
    if len(test) < LEAST or train.shape[1] > WIDEST or not (np.isfinite(train).all() and np.isfinite(test).all()):
        return ""
    found = told_apart(train, test, seed=seed)
    if found.p >= LEVEL:
        return ""
    told = (
        f"the test rows look unlike the training rows: by their features a linear classifier puts {found.share:.0%} of "
        f"rows that it has not seen in the right split (50% is chance; p = {found.p:.1g}). What is measured is of rows "
        f"unlike those that were learnt. {call('adapt', 'DATA', target='TARGET')} learns from such rows, too, without "
        "labels of theirs"
    )
    listen(Event("warning", told))
    return told


def _places(data: Dataset, seed: int) -> dict[str, np.ndarray]:
    """Choose places in the splits "train" and "test": as many of each class, one row of a group."""
    random = numpy_generator(seed, "alike")
    splits = {name: data.splits[name] for name in ("train", "test")}
    strata = _strata(data, list(splits.values()))
    found: dict[str, list[np.ndarray]] = {name: [] for name in splits}
    firsts = {name: _one_of_each(data, rows, random) for name, rows in splits.items()}
    for stratum in np.unique(strata["test"]):
        own = {name: places[strata[name][places] == stratum] for name, places in firsts.items()}
        count = min(map(len, own.values()))
        for name, places in own.items():
            found[name].append(places[:count])
    places = {name: np.concatenate(parts) for name, parts in found.items()}
    order = random.permutation(len(places["test"]))[:MOST]  # of the same classes in both
    return {name: each[order] for name, each in places.items()}


def _one_of_each(data: Dataset, rows: Rows, random: np.random.Generator) -> np.ndarray:
    """Choose a row of each group, in a random order."""
    order, groups = random.permutation(len(rows)), data.groups_of(rows)
    return order if groups is None else np.array(list({groups[place]: place for place in order}.values()))


def _strata(data: Dataset, splits: list[Rows]) -> dict[str, np.ndarray]:
    """Find the class of each row by split; all are alike where the first target has none."""
    for name, target in data.task.predicted.items():
        strata = target.strata(join([rows.labels[name] for rows in splits]))
        if strata is not None:
            return {"train": strata[: len(splits[0])], "test": strata[len(splits[0]) :]}
    return {"train": np.zeros(len(splits[0])), "test": np.zeros(len(splits[1]))}
