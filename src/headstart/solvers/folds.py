"""Folds of a cross-validation: each class spread evenly over them, rows of one group together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.seeding import numpy_generator

FEW, FOLDS, FOLDS_OF_FEW = 200, 5, 10  # rows that are few, and the folds for more and for as few


def make_folds(
    rows: int,
    seed: int,
    strata: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    *,
    count: int | None = None,
) -> np.ndarray:
    """Deal rows out to folds.

    A class with fewer rows than there are folds is missing in some of them, which a solver has to bear.

    Args:
        rows: How many there are, N; at least 2.
        seed: Decides which row goes where.
        strata: [N]; each fold gets about the same share of each of them.
        groups: Of each row; rows of one group come into the same fold. A group counts as of its first row's stratum.
        count: How many folds; None: 5, and 10 of few rows. There are never more than groups.

    Returns:
        The fold of each row, [N].
    """
    order = numpy_generator(seed, "solver folds").permutation(rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    named = list(range(rows)) if groups is None else groups
    places = {name: place for place, name in enumerate(dict.fromkeys(named[row] for row in order))}
    count = min(count or (FOLDS if rows >= FEW else FOLDS_OF_FEW), len(places))
    return np.array([places[name] % count for name in named])
