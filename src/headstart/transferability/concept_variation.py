"""Concept variation: how often a row's neighbours are of another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

STEEPNESS = 2.0  # of the weights, as in the meta-feature


@dataclass(frozen=True)
class ConceptVariation:
    """Negative share of other classes among the neighbours of a row (after Singh et al. 2025, arXiv:2502.06925).

    The concept variation of Perez and Rendell (1996) in the weighted form of Vilalta and Drissi (2002): the mean over
    rows i of sum_j w_ij [y_i != y_j] / sum_j w_ij, with w_ij = 2^(-2 d_ij / (d - d_ij)) and d_ij the Euclidean
    distance. There, features are scaled to [0, 1] and d is sqrt(D), the greatest distance that there can be; here they
    are as they are and d is the greatest distance of two rows, so that the score is the same for turned, moved or
    scaled features.
    """

    title: ClassVar[str] = "concept variation"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The negative share, from -1 to 0; NaN for fewer than three rows or where all rows are the same.
        """
        distances = np.sqrt(seen.distances)
        left = distances.max(initial=0.0) - distances
        weights = np.exp2(-STEEPNESS * distances / np.where(left > 0, left, np.inf)) * (left > 0)
        np.fill_diagonal(weights, 0.0)
        every = weights.sum(axis=1)
        known = every > 0  # not a row that is as far as can be from all others
        if not known.any():
            return float("nan")
        own = (weights @ seen.columns)[np.arange(len(seen)), seen.classes]
        return float((own[known] / every[known]).mean() - 1)
