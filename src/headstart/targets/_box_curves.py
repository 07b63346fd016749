"""Precision over recall of boxes of a class at an IoU of 0.5, and the score at which it is best to cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.metrics._of_boxes import RECALLS, ranked_boxes


class Cut(NamedTuple):
    """The score from which on boxes are best kept, and what they are then, at an IoU of 0.5."""

    score: float
    precision: float
    recall: float
    f1: float


def best_cut(found: np.ndarray, place: int, total: int) -> Cut | None:
    """Find the score of a class that gives the greatest F1 at an IoU of 0.5; None where no box is right.

    Args:
        found: Boxes of the rows, [N, K, 12].
        place: Of the class.
        total: Labels of the class.

    Returns:
        The score half-way between the last box that is kept and the next one, all of whose equals are left out.
    """
    scores, right, among = _summed(found, place)
    if not total or not right.any():
        return None
    last = np.flatnonzero(np.diff(scores, append=-1.0))  # boxes of equal scores come together
    f1 = 2 * right[last] / (among[last] + total)
    at = last[f1.argmax()]
    below = scores[at + 1] if at + 1 < len(scores) else 0.0
    return Cut(float(scores[at] + below) / 2, float(right[at] / among[at]), float(right[at] / total), float(f1.max()))


def cut_at(found: np.ndarray, place: int, total: int, score: float) -> Cut | None:
    """Say what the boxes of a class from a score on are, at an IoU of 0.5; None where there are none, or no labels.

    Args:
        found: Boxes of the rows, [N, K, 12].
        place: Of the class.
        total: Labels of the class.
        score: The least that is kept.

    Returns:
        The cut.
    """
    scores, right, among = _summed(found, place)
    kept = int((scores >= score).sum())
    if not total or not kept:
        return None
    sure, every = int(right[kept - 1]), int(among[kept - 1])
    return Cut(score, sure / every, sure / total, 2 * sure / (every + total))


def precisions(found: np.ndarray, place: int, total: int) -> list[tuple[float, float]]:
    """Read the greatest precision at an IoU of 0.5 from each of COCO's 101 recalls on, as far as they are reached.

    Args:
        found: Boxes of the rows, [N, K, 12].
        place: Of the class.
        total: Labels of the class.

    Returns:
        Recalls with their precisions.
    """
    _, right, among = _summed(found, place)
    if not total or not right.any():
        return []
    greatest = np.maximum.accumulate((right / among)[::-1])[::-1]
    first = np.searchsorted(right / total, RECALLS)
    reached = first < len(right)
    return list(zip(RECALLS[reached].tolist(), greatest[first[reached]].tolist(), strict=True))


def _summed(found: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count boxes of a class from the best score on, less those that are ignored: scores, right ones, all, each [D]."""
    scores, _, flags = ranked_boxes(found, place)
    kept = flags[:, 0] >= 0
    return scores[kept], np.cumsum(flags[kept, 0] == 1), np.arange(kept.sum()) + 1
