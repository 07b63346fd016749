"""PARC: whether rows that are alike in their features are alike in their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

STEPS = 100_000  # of a correlation, from 0 to 1: counting is faster than sorting


@dataclass(frozen=True)
class PARC:
    """Rank correlation of the distances of all pairs of rows, by features and by labels (Bolya et al. 2021).

    arXiv:2111.06977. The distance of two rows is 1 - r, with r Pearson's correlation over the features, each
    standardised, or over the label columns. The score is Spearman's correlation of the two over the pairs of rows.
    A row that has all labels or none correlates with an equal one by 1 and with any other by 0.
    """

    title: ClassVar[str] = "PARC"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and labels of N rows.

        Returns:
            A correlation, from -1 to 1; NaN where all pairs of rows are equally far, by features or by labels.
        """
        deviations = np.sqrt(np.square(seen.centred).mean(axis=0))
        standard = (seen.centred / np.where(deviations > 0, deviations, 1.0)).astype(np.float32)
        above = np.triu(np.ones((len(seen), len(seen)), bool), 1)
        patterns, which = np.unique(seen.columns, axis=0, return_inverse=True)
        alike = _correlations(patterns)
        plain = np.flatnonzero(np.ptp(patterns, axis=1) == 0)
        alike[plain, plain] = 1.0
        features = _ranks(_correlations(standard)[above])
        labels = _ranks(alike[which[:, None], which][above])
        size = np.linalg.norm(features) * np.linalg.norm(labels)
        return float(features @ labels / size) if size > 0 else float("nan")


def _ranks(correlations: np.ndarray) -> np.ndarray:
    """Return the ranks of correlations [P], less their mean; what is as good as equal shares a rank."""
    steps = np.rint((correlations + 1) * STEPS).astype(np.int64)
    sizes = np.bincount(steps)
    return (np.cumsum(sizes) - sizes / 2)[steps] - len(steps) / 2


def _correlations(rows: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of all pairs of rows [N, D], as [N, N]; 0 with a row that never varies."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.0)
    return rows @ rows.T
