"""GBC: how little the classes overlap, each a Gaussian cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

WIDTH = 64  # principal components that are kept, as in the paper
FLOOR = 1e-4  # of the mean variance: a class of one row has one too


@dataclass(frozen=True)
class GBC:
    """Negative sum of the Bhattacharyya coefficients of all pairs of classes (Pandy et al. 2022, arXiv:2111.12780).

    Each class is a spherical Gaussian on the first 64 principal components; the coefficient of two is exp(-B) with
    B = |m_a - m_b|^2 / (8 v) + d/2 log(v / sqrt(v_a v_b)) and v = (v_a + v_b) / 2. Each pair counts in both orders.
    A variance is taken to be no less than 1e-4 of the mean one. The score is the same for turned, moved or scaled
    features; 0 is no overlap, -C (C - 1) is no difference.
    """

    title: ClassVar[str] = "GBC"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The negative sum, from -C (C - 1) to 0; NaN for one class or where no feature varies.
        """
        rows, means = seen.reduced[:, :WIDTH], seen.means[:, :WIDTH]
        width = rows.shape[1]
        if len(means) < 2 or not width:
            return float("nan")
        variances = seen.columns.T @ np.square(rows - means[seen.classes]).mean(axis=1) / seen.counts  # [C]
        variances = np.maximum(variances, FLOOR * np.square(rows).mean())
        both = (variances[:, None] + variances[None, :]) / 2
        lengths = np.square(means).sum(axis=1)
        apart = np.maximum(lengths[:, None] + lengths[None, :] - 2 * means @ means.T, 0.0)
        logs = np.log(variances) / 2
        distances = apart / (8 * both) + width / 2 * (np.log(both) - logs[:, None] - logs[None, :])
        coefficients = np.exp(-distances)
        np.fill_diagonal(coefficients, 0.0)
        return float(-coefficients.sum())
