"""How rows find others of their class by the angle between embeddings: each asks all others, never itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CELLS = 4_000_000  # similarities that are held at a time


class Neighbours(NamedTuple):
    """What rows find, each [N].

    asked: whether there is another row of the class; without one the other figures are 0. before: how many rows of
    other classes are at least as near as the nearest one of the class: ties count against it. precision: average
    precision at R, where R is the number of others of the class (Musgrave et al. 2020, arXiv:2003.08505, eq. 4).
    """

    asked: np.ndarray
    before: np.ndarray
    precision: np.ndarray


def neighbours(labels: np.ndarray, outputs: np.ndarray) -> Neighbours:
    """Let each row look for the others of its class.

    Args:
        labels: Classes [N].
        outputs: Embeddings [N, D], of any length.

    Returns:
        What is found.
    """
    rows = len(labels)
    unit = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-12)
    asked, before, precision = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=np.int64), np.zeros(rows)
    step = max(1, CELLS // max(rows, 1))
    for start in range(0, rows, step):
        own = np.arange(start, min(start + step, rows))
        similar = np.round(unit[own] @ unit.T, 12)  # equal rows are equally near, whatever the order of sums
        right = labels[own][:, None] == labels
        right[np.arange(len(own)), own] = False
        similar[np.arange(len(own)), own] = -np.inf  # comes last, and is no row of the class
        wanted = right.sum(axis=1)
        asked[own] = wanted > 0
        order = np.lexsort((right, -similar), axis=-1)  # of equals, those of other classes first
        hits = np.take_along_axis(right, order, axis=1)
        before[own] = np.where(wanted > 0, hits.argmax(axis=1), 0)
        places = np.arange(1, rows + 1)
        counted = hits & (places <= wanted[:, None])
        found = (np.cumsum(hits, axis=1) / places * counted).sum(axis=1)
        precision[own] = found / np.maximum(wanted, 1)
    return Neighbours(asked, before, precision)
