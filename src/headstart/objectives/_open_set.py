"""Rows without labels that are of none of the classes: what is told of them, and which rows stay (`solvers/strangers`).

They are found by the features that the network has before the first step. Those of a network that has learnt the
labelled rows say less: it has pulled these rows together, and no others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import UsageError, first_few
from headstart.models.model import Model
from headstart.solvers.strangers import strangers

MOST, LEAST = 2000, 16  # rows that are looked at where strange ones are only told; rows of either kind to tell by
LEVEL = 1e-3  # of as many sets of rows without strange ones it is said that there are some


def look(
    model: Model, known: Any, bare: Any, features: Callable[[Any], np.ndarray], how: str
) -> tuple[np.ndarray | None, str]:
    """Find rows without labels that look like none of the classes.

    Args:
        model: As it starts.
        known: The labelled rows.
        bare: The rows without labels.
        features: Gives those of rows.
        how: How to leave such rows out, to be told where they are many; "" leaves them out.

    Returns:
        The places of the rows that stay, None for all; and what to tell.

    Raises:
        UsageError: No row would stay.
    """
    (target, *others) = (head.target for head in model.by_target().values())
    if others or target.form != "classes" or min(len(known), len(bare)) < LEAST:
        why = (
            f"rows of other classes are not looked for: it takes one target of classes, and {LEAST} rows of either kind"
        )
        return None, "" if how else why
    asked = np.arange(0, len(bare), math.ceil(len(bare) / MOST) if how else 1)
    found = strangers(features(known), known.y, features(bare.take(asked)))
    if how and found.p >= LEVEL:
        return None, ""
    order = np.argsort(found.likely, kind="stable")[: int(found.strange.sum())]
    many, names = counted(len(order), "rows without labels", len(asked)), first_few(bare.ids[asked[i]] for i in order)
    told = f"{many} {agree(len(order), 'look')} like none of the classes ({names})"
    if how:
        return None, f"{told}; {how} leaves such rows out"
    if len(order) == len(asked):
        raise UsageError(f"{told}: nothing is left to learn from. Take another pool, or open_set=no.")
    return np.flatnonzero(~found.strange), f"{told} and {agree(len(order), 'are')} left out"
