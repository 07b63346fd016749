"""Exact search: the examples that are nearest to others by the angle between their embeddings."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

CELLS = 4_000_000  # similarities that are held at a time


class Hit(NamedTuple):
    """An example that was found: its name, and the cosine of its embedding and the query's."""

    name: str
    similarity: float


class Nearest(NamedTuple):
    """What was found for one query, the nearest first."""

    query: str
    hits: tuple[Hit, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {"query": self.query, "nearest": [hit._asdict() for hit in self.hits]}


def nearest(queries: np.ndarray, among: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows of least angle to each query; of equally near ones the first come first.

    Args:
        queries: [Q, D], of any length.
        among: [N, D].
        k: How many, at most N.

    Returns:
        Places in `among` [Q, k], the nearest first, and the cosines [Q, k].
    """
    one, other = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (queries, among))
    step = max(1, CELLS // max(len(among), 1))
    places, cosines = [], []
    for start in range(0, len(one), step):
        similar = one[start : start + step] @ other.T
        order = np.argsort(-similar, axis=1, kind="stable")[:, :k]
        places.append(order)
        cosines.append(np.take_along_axis(similar, order, axis=1))
    return np.concatenate(places), np.concatenate(cosines)
