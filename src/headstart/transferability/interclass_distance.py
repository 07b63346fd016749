"""Interclass distance: how far rows of different classes are from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen


@dataclass(frozen=True)
class InterclassDistance:
    """Mean distance of two classes, in units of the mean distance of all rows (after Singh et al. 2025).

    Pairwise normalised interclass distance (INT; arXiv:2502.06925) in the form that is known as a meta-feature:
    2 / (C (C - 1)) sum_{a < b} of the mean Euclidean distance of a row of class a and one of class b. Here it is also
    divided by the mean distance of all pairs of rows, so that models whose features differ in size can be compared. The
    score is the same for turned, moved or scaled features; about 1 where the classes are not told apart.
    """

    title: ClassVar[str] = "interclass distance"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The ratio; NaN for one class or where all rows are the same.
        """
        distances = np.sqrt(seen.distances)
        every = distances.sum() / (len(seen) * (len(seen) - 1)) if len(seen) > 1 else 0.0
        if len(seen.counts) < 2 or every == 0:
            return float("nan")
        shares = seen.columns / seen.counts  # [N, C]
        between = shares.T @ distances @ shares
        return float(between[np.triu_indices(len(between), 1)].mean() / every)
