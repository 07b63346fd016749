"""Rows without labels that are of none of the classes: what is told of them, and which rows stay (`solvers/strangers`).

They are found by the features that the network has before the first step. Those of a network that has learnt the
labelled rows say less: it has pulled these rows together, and no others. Rows of a target domain are compared with
labelled rows of that domain: the source's do not tell strange rows there from known ones (PACS, photo to art_painting:
area under the ROC curve 0.63, each domain's mean taken off, and 72 % of the known rows are farther than the threshold).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.plugins import name_of
from headstart.models.model import Model
from headstart.objectives._few import FEW
from headstart.objectives._smoothed import Smoothed
from headstart.solvers.strangers import strangers

MOST, LEAST = 2000, 16  # rows that are looked at where strange ones are only told; rows of either kind to tell by
LEVEL = 1e-3  # of as many sets of rows without strange ones it is said that there are some


@dataclass(frozen=True)
class OpenSet(Smoothed):
    """An objective that learns rows without labels, too, in one stream; some may be of other classes.

    Attributes:
        open_set: Of rows without labels that look like none of the classes "tell" tells, where there are many (of at
            most 2,000 that are looked at), "yes" leaves them out, "no" does not look. Those of a target domain are
            looked at where the data has labelled rows of it.
    """

    open_set: Literal["tell", "yes", "no"] = "tell"

    def choose_rows(
        self, model: Model, rows: Mapping[str, Any], features: Callable[[Any], np.ndarray]
    ) -> tuple[Mapping[str, np.ndarray], str]:
        """Find rows without labels that look like none of the classes; leave them out where that was asked for."""
        (bare,) = (stream for stream in self.streams if not stream.labelled)
        known = rows.get(FEW.name) if bare.pool == "target" else rows["train"]
        if self.open_set == "no" or (self.open_set == "tell" and known is None):
            return {}, ""
        if known is None:
            raise UsageError(
                "open_set=yes compares rows of the target domain with labelled rows of that domain, as all look unlike "
                f"rows of the source, and there are none. Name some ({option('target-labels', 'PATH')}), or leave "
                "open_set out."
            )
        leave = option("objective", f"{name_of(self)} open_set=yes") if self.open_set == "tell" else ""
        places, told = look(model, known, rows[bare.name], features, leave)
        return {} if places is None else {bare.name: places}, told


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
    small = min(len(known), len(bare)) < LEAST
    if others or target.form != "classes" or small or len(np.unique(known.y)) < len(target.classes):
        why = f"it takes one target of classes, {LEAST} rows of either kind, and labelled rows of each class"
        return None, "" if how else f"rows of other classes are not looked for: {why}"
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
