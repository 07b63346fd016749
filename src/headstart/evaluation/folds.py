"""Repeated cross-validation: seeded folds, stratified or by group, and the interval of a mean over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from headstart.core.errors import DataError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.ranges import check_numbers
from headstart.core.seeding import mix
from headstart.evaluation.results import Interval
from headstart.solvers.folds import make_folds


def folds(
    rows: int,
    *,
    k: int,
    repeats: int,
    seed: int,
    strata: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split rows into k folds, `repeats` times over; each fold is the test part once a repeat.

    Args:
        rows: How many there are, N.
        k: Folds.
        repeats: How often the rows are shuffled and split anew.
        seed: Seed of the shuffling; a repeat is a function of the seed and its number.
        strata: [N]; each fold has about the same share of each of them, such as of each class. None: of nothing.
        groups: [N]; rows of the same group are always in the same fold. None lets every row be alone.
        names: What messages call each of the strata; () says their numbers.

    Returns:
        Places of the training rows and of the test rows, k * repeats times.

    Raises:
        UsageError: k or repeats is too small.
        DataError: There are fewer rows, groups, or rows of a class than folds.
    """
    check_numbers({"folds": k, "repeats": repeats})
    units = rows if groups is None else len(np.unique(groups))
    if units < k:
        raise DataError(
            f"{units} {'rows' if groups is None else 'groups'} cannot fill {k} folds. Give fewer {option('folds')}."
        )
    if strata is not None:
        classes, sizes = np.unique(strata, return_counts=True)
        if sizes.min() < k:
            few = first_few(
                f"class {names[c] if len(names) else c} has {n}" for c, n in zip(classes, sizes, strict=True) if n < k
            )
            raise DataError(
                f"{k} folds need {k} rows of each class; {few}. Give fewer {option('folds')}, or leave the class out."
            )
    return _splits(rows, k, repeats, seed, strata, groups)


def pool_folds(values: Sequence[float], *, train_rows: int, test_rows: int, level: float = 0.95) -> Interval:
    """Average one metric over folds, with the corrected interval of Nadeau & Bengio (2003).

    The training sets of folds overlap, so that the folds' values are not independent. The variance of their mean is
    taken as (1/J + test/train) times their sample variance, with Student's t for J - 1 degrees of freedom. Pass
    differences of two methods on the same folds to compare the two.

    Args:
        values: One for each of the J folds of all repeats.
        train_rows: Rows that one fold trains on.
        test_rows: Rows that one fold tests on.
        level: Level of the interval.

    Returns:
        The mean and its interval; without interval for one fold.

    Raises:
        UsageError: There is no value, one is not finite, or a number is out of range.
    """
    from scipy.special import stdtrit

    found = np.asarray(values, dtype=np.float64)
    if not found.size or not np.isfinite(found).all():
        raise UsageError(f"Folds can be pooled where each has a finite value; got {found.tolist()}.")
    if train_rows < 1 or test_rows < 1 or not 0 < level < 1:
        raise UsageError(
            f"train_rows and test_rows are 1 or more, level is between 0 and 1; got {train_rows}, {test_rows}, {level}."
        )
    mean, count = float(found.mean()), found.size
    if count == 1:
        return Interval(mean)
    half = stdtrit(count - 1, (1 + level) / 2) * np.sqrt((1 / count + test_rows / train_rows) * found.var(ddof=1))
    return Interval(mean, float(mean - half), float(mean + half))


def _splits(
    rows: int, k: int, repeats: int, seed: int, strata: np.ndarray | None, groups: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for repeat in range(repeats):
        own = mix(seed, "folds", repeat)
        if groups is None:
            fold = make_folds(rows, own, strata, count=k)
            yield from ((np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(k))
            continue
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold  # a second, which rows alone do not need

        maker = GroupKFold if strata is None else StratifiedGroupKFold
        yield from maker(k, shuffle=True, random_state=own % 2**32).split(np.empty((rows, 0)), strata, groups)
