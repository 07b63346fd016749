"""Features of one domain brought to those of another, on which a head is solved: what a mapping gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np


class Mapped(NamedTuple):
    """What a head learns in the place of the source's features, and what target rows go through before it.

    Attributes:
        rows: [K, D]: the source's features, moved; or other rows with `labels` of their own.
        weights: How much each row counts, [K]; None: all alike.
        labels: Classes of the rows, [K]; None: those of the source's rows, which these are.
        matrix: [D, D]: a target row x is answered by the head at matrix x + offset; None: at x.
        offset: [D].
    """

    rows: np.ndarray
    weights: np.ndarray | None = None
    labels: np.ndarray | None = None
    matrix: np.ndarray | None = None
    offset: np.ndarray | None = None


class FeatureMapping(Protocol):
    """A way from the source's features to the target's: a file of `mappings/`, as a frozen dataclass."""

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Find the way.

        Args:
            source: [N, D] float64.
            target: [M, D] float64, of rows whose labels nobody sees.
            labels: Classes of the source's rows, [N]; None where the task has no lone target of one class a row.

        Returns:
            What the head learns.

        Raises:
            UsageError: Classes are needed, and there are none.
        """
        ...
