"""Exact search: the examples that are nearest to others by the angle between their embeddings.

An approximate index pays for nothing here: docs/retrieval.md has the figures.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.features.cache import GB, Cache
from headstart.features.frozen import KnownFeatures

if TYPE_CHECKING:
    from headstart.artifact.predictor import Asked, Predictor
    from headstart.data.rows import Rows

LOG = logging.getLogger("headstart")
QUERIES, BLOCK = 256, 2048  # rows that are compared with each other at a time


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


def search(model: Predictor, asked: Asked, among: Asked, k: int, workers: int) -> list[Nearest]:
    """Find the examples that are nearest to others.

    Args:
        model: Of retrieval the embedding is its answer, of others the features that the head sees.
        asked: What to look for.
        among: What to look among.
        k: How many are found for each.
        workers: Processes that open images.

    Returns:
        What was found for each.

    Raises:
        UsageError: k is below 1.
    """
    if k < 1:
        raise UsageError(f"{option('k', k)}: at least one is to be found.")
    known = KnownFeatures(Cache(int(model.recipe.cache_gb * GB), LOG.info))
    one, other = (_embedded(model, each.rows, known, workers) for each in (asked, among))
    return [
        Nearest(query, tuple(Hit(among.names[int(p)], float(c)) for p, c in zip(places, cosines, strict=True)))
        for query, places, cosines in zip(asked.names, *nearest(one, other, k), strict=True)
    ]


def _embedded(model: Predictor, rows: Rows, known: KnownFeatures, workers: int) -> np.ndarray:
    targets = list(model.task.predicted.values())
    if len(targets) == 1 and targets[0].new_classes:
        return next(iter(model.raw_outputs(rows, workers=workers, known=known).values()))
    return model.features(rows, workers=workers, known=known)


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
    k = min(k, len(other))
    found = [_nearest(one[start : start + QUERIES], other, k) for start in range(0, len(one), QUERIES)]
    places, cosines = zip(*found, strict=True)
    return np.concatenate(places), np.concatenate(cosines)


def _nearest(queries: np.ndarray, among: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Go through `among` in blocks: after the first ones few rows are nearer than the k that were found till then."""
    places, cosines = np.zeros((len(queries), k), dtype=np.int64), np.full((len(queries), k), -np.inf, queries.dtype)
    for start in range(0, len(among), BLOCK):
        similar = queries @ among[start : start + BLOCK].T
        asking, new = np.nonzero(similar > cosines[:, -1:])  # an equal one comes too late
        ends = np.searchsorted(asking, np.arange(len(queries) + 1))
        for query in np.unique(asking):
            own = new[ends[query] : ends[query + 1]]
            values = np.concatenate([cosines[query], similar[query, own]])
            order = np.argsort(-values, kind="stable")[:k]
            places[query] = np.concatenate([places[query], start + own])[order]
            cosines[query] = values[order]
    return places, cosines
