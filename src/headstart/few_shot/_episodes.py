"""Episodes as arrays, and the inner products of their rows, of which all methods here are functions.

A mean of rows, a linear layer that was fitted to them and a distance from either are combinations of the rows: with
the inner products [N, N] of the N rows of an episode they cost the same for features of any width.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

TINY = 1e-12
POWER_TINY = 1e-6
AT_ONCE = 16_000_000  # numbers of the features of episodes that are held at a time


class Episodes:
    """E episodes of one size; what several methods need of them is computed once.

    Args:
        support: Features to learn from, [E, S, D].
        labels: Their classes, counted from 0, [E, S] int64.
        queries: Features to ask, [E, Q, D].
        base: The mean of features of other classes, [D], by which rows may be centred; None takes the mean of each
            episode's rows to learn from.
    """

    def __init__(
        self, support: np.ndarray, labels: np.ndarray, queries: np.ndarray, base: np.ndarray | None = None
    ) -> None:
        self.labels, self._base = np.asarray(labels), base
        self._rows = np.concatenate([support, queries], axis=1).astype(np.float32)  # [E, N, D]
        self.learnt = support.shape[1]
        self._known: dict[tuple[bool, bool, float | None], Rows] = {}

    @cached_property
    def members(self) -> np.ndarray:
        """Which class each row to learn from is of, [E, S, W] of 0 and 1."""
        return np.eye(int(self.labels.max()) + 1)[self.labels]

    def rows(self, *, centre: bool, normalise: bool, power: float | None = None) -> Rows:
        """Prepare the features.

        Args:
            centre: Take the mean of other classes' rows off.
            normalise: Bring each row to length 1 then.
            power: First bring each number to this power, with its sign, and each row to length 1.

        Returns:
            Their inner products.
        """
        how = centre, normalise, power
        if how not in self._known:
            rows = self._rows
            if power is not None:
                rows = _unit(np.sign(rows) * (np.abs(rows) + POWER_TINY) ** power)
            if centre:
                mean = rows[:, : self.learnt].mean(axis=1, keepdims=True)
                rows = rows - (mean if self._base is None or power is not None else self._base.astype(np.float32))
            rows = _unit(rows) if normalise else rows
            self._known[how] = Rows((rows @ rows.swapaxes(1, 2)).astype(np.float64), self.members)
        return self._known[how]


class Rows:
    """The rows of E episodes, those to learn from first.

    products: inner products of all N rows, [E, N, N]. members: classes of those to learn from, [E, S, W].
    """

    def __init__(self, products: np.ndarray, members: np.ndarray) -> None:
        self.products, self.members, self.learnt = products, members, members.shape[1]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Squared length of each row, [E, N]."""
        return np.einsum("enn->en", self.products)

    @cached_property
    def means(self) -> np.ndarray:
        """The class means, as combinations of the rows, [E, N, W]."""
        blank = np.zeros((*self.lengths.shape, self.members.shape[2]), self.products.dtype)
        blank[:, : self.learnt] = self.members / self.members.sum(axis=1, keepdims=True)
        return blank

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Compute squared Euclidean distances [E, N, W] of all rows to points, given as combinations [E, N, W]."""
        along = self.products @ points
        squares = (points * along).sum(axis=1)[:, None]  # [E, 1, W]
        return self.lengths[:, :, None] - 2 * along + squares

    def recentred(self) -> Rows:
        """Take the mean of all rows of an episode off, and bring each to length 1 then."""
        mean = self.products.mean(axis=1, keepdims=True)
        moved = self.products - mean - mean.swapaxes(1, 2) + mean.mean(axis=2, keepdims=True)
        sizes = np.sqrt(np.maximum(np.einsum("enn->en", moved), TINY))
        return Rows(moved / sizes[:, :, None] / sizes[:, None], self.members)


def batches(
    features: np.ndarray, places: np.ndarray, shots: int, base: np.ndarray | None = None
) -> Iterator[tuple[slice, Episodes, np.ndarray]]:
    """Take as many episodes at a time as fit the memory.

    Args:
        features: [N, D].
        places: Of the rows of each episode by class, those to learn from first, [E, W, K + Q].
        shots: K.
        base: The mean of features of other classes, [D].

    Yields:
        Which episodes, their rows, and the class of each query, [W Q].
    """
    ways, each = places.shape[1:]
    step = max(1, AT_ONCE // (ways * each * max(features.shape[1], ways * each)))
    for start in range(0, len(places), step):
        own = places[start : start + step]
        learnt, asked = (part.reshape(len(own), -1) for part in (own[:, :, :shots], own[:, :, shots:]))
        labels = np.tile(np.arange(ways).repeat(shots), (len(own), 1))
        episodes = Episodes(features[learnt], labels, features[asked], base)
        yield slice(start, start + len(own)), episodes, np.arange(ways).repeat(each - shots)


def softmax(values: Any) -> np.ndarray:
    """Compute the softmax over the last axis, which is short: column by column that takes a third of the time."""
    raised = np.exp(values - np.maximum.reduce(np.moveaxis(values, -1, 0))[..., None])
    return raised / np.einsum("...w->...", raised)[..., None]


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), TINY)
