"""kNN: how well a row's nearest neighbours tell its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._left_out import quality
from headstart.transferability._seen import Seen

NEIGHBOURS = 5
CLOSE = 1e-11  # of the greatest squared distance: what differs by less is equally near


@dataclass(frozen=True)
class Knn:
    """Quality of the prediction by the five nearest other rows, in Euclidean distance (Cover & Hart 1967).

    Of models and tasks of many kinds it ranked better than scores made for that (Sorkhei et al. 2025,
    arXiv:2503.18528). The prediction of a row is the mean of its neighbours' labels; rows as near as the fifth share
    the places that are left. Classes: the share of rows whose class has the most neighbours; of several such classes a
    row counts its part. Labels: the share that is right, a half of one where the neighbours are divided. Values: R2.
    """

    title: ClassVar[str] = "kNN, leave one out"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels", "values")
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and labels of N rows.

        Returns:
            A share, or R2; NaN for a single row, or for values that do not vary.
        """
        if len(seen) < 2:
            return float("nan")
        count = min(NEIGHBOURS, len(seen) - 1)
        distances = seen.distances.copy()
        np.fill_diagonal(distances, np.inf)
        last = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
        slack = CLOSE * seen.distances.max()
        nearer = distances < last - slack
        equal = ~nearer & (distances <= last + slack)
        places = count - nearer.sum(axis=1, keepdims=True)
        weights = nearer + equal * (places / equal.sum(axis=1, keepdims=True))
        return quality(weights @ seen.columns / count, seen)
