"""What metrics of boxes have in common: average precision by class, as COCO computes it (arXiv:1405.0312)."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._matching import CLASS, FLAGS, SCORE
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import mean_known

RECALLS = np.linspace(0, 1, 101)  # at which COCO reads the precision
DECIMALS = 12  # of a recall: whether it reaches one of them is not left to the rounding of sums
CELLS = 4_000_000  # boxes x resamples at a time: 32 MB


class OfBoxes(Usual, ABC):
    """Average precision at some thresholds of IoU, mean over these and over the classes that have a label."""

    forms: ClassVar[tuple[Form, ...]] = ("boxes",)
    undefined: ClassVar[str] = "it needs a labelled box that is no crowd"
    thresholds: ClassVar[tuple[int, ...]]  # places among the ten

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "precision over recall, mean over classes"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]: rows hold what `matched` gives of them."""
        each = average_precisions(measured.labels, measured.predictions, self.thresholds)
        return lambda weights: mean_known(each(weights).mean(axis=1))


def average_precisions(
    counts: np.ndarray, found: np.ndarray, thresholds: Sequence[int]
) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare average precision by class and threshold; boxes are sorted once, all rows together, ties by row.

    Args:
        counts: Labels by row and class, [N, C].
        found: Boxes of the rows as `matched` gives them, [N, K, 12].
        thresholds: Places of T thresholds of IoU.

    Returns:
        A function from weights [N, R] to [C, T, R]; NaN where a class has no label.
    """
    ranked = [ranked_boxes(found, place) for place in range(counts.shape[1])]

    def some(weights: np.ndarray) -> np.ndarray:
        totals = counts.T.astype(np.float64) @ weights
        made = [
            _of_class(rows, flags[:, list(thresholds)], total, weights)
            for (_, rows, flags), total in zip(ranked, totals, strict=True)
        ]
        return np.stack(made)

    def compute(weights: np.ndarray) -> np.ndarray:
        step = max(1, CELLS // max(1, *(len(rows) for _, rows, _ in ranked)))
        return np.concatenate([some(weights[:, s : s + step]) for s in range(0, weights.shape[1], step)], axis=2)

    return compute


def ranked_boxes(found: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort all boxes of a class by falling score: scores [D], rows [D] and flags of the ten thresholds [D, 10]."""
    rows, slots = np.nonzero((found[..., CLASS] == place) & (found[..., SCORE] > 0))
    order = np.argsort(-found[rows, slots, SCORE], kind="stable")
    rows, slots = rows[order], slots[order]
    return found[rows, slots, SCORE], rows, found[rows, slots, FLAGS]


def _of_class(rows: np.ndarray, flags: np.ndarray, total: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute average precision, [T, R], from rows [D] and flags [D, T] of sorted boxes, and the labels' weight [R].

    Recall grows at right boxes only, and precision is greatest at one: so it is enough to look there. Of each of the
    101 recalls that a box is the first to reach, the value is the greatest precision from that box on.
    """
    every = _summed(weights[rows])
    made = []
    for column in flags.T:
        hits, skipped = np.flatnonzero(column == 1), np.flatnonzero(column == -1)
        right = _summed(weights[rows[hits]])[1:]
        among = every[hits + 1] - _summed(weights[rows[skipped]])[np.searchsorted(skipped, hits)]
        precision = np.divide(right, among, out=np.zeros_like(right), where=among > 0)
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        recall = np.divide(right, total, out=np.zeros_like(right), where=total > 0).round(DECIMALS)
        reached = np.searchsorted(RECALLS, recall, side="right")
        gained = np.diff(reached, axis=0, prepend=0)
        made.append(np.where(total > 0, (precision * gained).sum(axis=0) / len(RECALLS), np.nan))
    return np.stack(made)


def _summed(values: np.ndarray) -> np.ndarray:
    """Sum along the first axis, from 0 on: [D, R] to [D + 1, R]."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums
