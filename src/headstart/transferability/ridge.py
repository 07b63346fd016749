"""Ridge: how well a linear model tells each row that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._left_out import quality
from headstart.transferability._seen import Seen

PENALTIES = np.logspace(-4, 2, 13)  # times the mean squared length of the centred features
LEAST = 1e-9  # of 1 less the leverage: a row that only its own weight explains


@dataclass(frozen=True)
class Ridge:
    """Quality of the exact leave-one-out predictions of ridge regression on the label columns (Allen 1974).

    With the hat matrix H = 1 / N + U diag(s^2 / (s^2 + penalty)) U^T of the centred features U diag(s) V^T, the
    residual of a row that is left out is (y - H y)_i / (1 - H_ii). The penalty is that with the least of their squares.
    Classes: the share of rows whose class has the highest prediction; of several such classes a row counts its part.
    Labels: the share that is right, by whether a half is exceeded. Values: R2.
    """

    title: ClassVar[str] = "ridge, leave one out"
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
        vectors, lengths = seen.decomposed
        squares = np.square(lengths)
        columns = seen.columns
        centred = columns - columns.mean(axis=0)
        along, levers = vectors.T @ centred, np.square(vectors)
        best, least = columns, np.inf
        for penalty in PENALTIES * squares.sum() / len(seen):
            kept = squares / (squares + penalty)
            residuals = centred - vectors @ (kept[:, None] * along)
            residuals /= np.maximum(1 - 1 / len(seen) - levers @ kept, LEAST)[:, None]
            lost = float(np.square(residuals).sum())
            if lost < least:
                best, least = columns - residuals, lost
        return quality(best, seen)
