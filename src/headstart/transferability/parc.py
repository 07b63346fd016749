"""PARC: whether rows that are alike in their features are alike in their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import rankdata

from headstart.core.types import Form
from headstart.transferability._seen import Seen


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
        features = rankdata(_correlations(standard)[above])
        patterns, which = np.unique(seen.columns, axis=0, return_inverse=True)
        alike = _correlations(patterns).round(12)
        plain = np.flatnonzero(np.ptp(patterns, axis=1) == 0)
        alike[plain, plain] = 1.0
        labels = _ranks(alike, np.bincount(which))[which[:, None], which][above]
        features, labels = features - features.mean(), labels - labels.mean()
        size = np.linalg.norm(features) * np.linalg.norm(labels)
        return float(features @ labels / size) if size > 0 else float("nan")


def _ranks(alike: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean rank of a pair of rows by the patterns of their labels, [P, P].

    Args:
        alike: How alike two patterns are, [P, P].
        counts: Rows of each pattern, [P].

    Returns:
        The ranks.
    """
    pairs = np.outer(counts, counts) / 2
    np.fill_diagonal(pairs, counts * (counts - 1) / 2)
    values, place = np.unique(alike, return_inverse=True)
    sizes = np.bincount(place.ravel(), pairs.ravel(), minlength=len(values))
    return (np.cumsum(sizes) - sizes / 2)[place]


def _correlations(rows: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of all pairs of rows [N, D], as [N, N]; 0 with a row that never varies."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.0)
    return rows @ rows.T
