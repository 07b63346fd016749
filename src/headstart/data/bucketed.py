"""An order of rows in which those of like length share a batch; a row's length is asked for when its turn comes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

WINDOW = 50  # batches of text that are sorted by length together


class BucketedOrder:
    """Rows in the order of one epoch: those of a window are sorted by length, then the batches are shuffled.

    A window is sorted when the first of its rows is asked for, so that the beginning of an epoch does not wait for the
    lengths of all rows; the order is the same as if all had been sorted at once.

    Args:
        order: The rows in random order, [N].
        lengths: Gives the lengths of rows, [n] of [n].
        lead: Rows that complete the last batch of the epoch before; they stay first, unsorted.
        size: Rows in a batch.
        random: Shuffles the batches.
    """

    def __init__(
        self,
        order: np.ndarray,
        lengths: Callable[[np.ndarray], np.ndarray],
        lead: int,
        size: int,
        random: np.random.Generator,
    ) -> None:
        self._head, self._rest = order[:lead], order[lead:].copy()
        self._lengths = lengths
        self._size = size
        self._batches = random.permutation(len(self._rest) // size)
        self._sorted = np.zeros(-(-len(self._rest) // (WINDOW * size)), dtype=bool)

    def __getitem__(self, place: int) -> int:
        """Return the row at a place of the epoch."""
        if place < len(self._head):
            return int(self._head[place])
        batch, within = divmod(place - len(self._head), self._size)
        if batch < len(self._batches):  # the rows that fill no batch stay last
            batch = int(self._batches[batch])
        window = batch // WINDOW
        if not self._sorted[window]:
            rows = self._rest[window * WINDOW * self._size : (window + 1) * WINDOW * self._size]  # a view
            rows[:] = rows[np.argsort(self._lengths(rows), kind="stable")]
            self._sorted[window] = True
        return int(self._rest[batch * self._size + within])
