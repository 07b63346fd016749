"""What a pretrained model gives for labelled rows of a target task, and what several scores make of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from headstart.core.types import Form

RANK = 1e-10  # of the largest eigenvalue of the Gram matrix: directions below it are rounding


class Seen:
    """Features and labels of N rows; what is computed of them is computed once for all scores.

    Args:
        features: [N, D], of one model.
        labels: By form: "classes" [N] int64; "labels" [N, C] of 0 and 1; "values" [N, T].
        form: Of the labels.
        source: Probabilities [N, S] that the model gives for the classes of its source task; None where it has no
            classifier.
        params: Parameters of the model; 0 where it is not known.
        source_metric: How good the model is on its source task, as a share; None where it is not known.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        form: Form = "classes",
        *,
        source: np.ndarray | None = None,
        params: int = 0,
        source_metric: float | None = None,
    ) -> None:
        self.features, self.labels, self.form = np.asarray(features, np.float64), np.asarray(labels), form
        self.source, self.params, self.source_metric = source, params, source_metric

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def classes(self) -> np.ndarray:
        """The class of each row, [N] int64, counted from 0 over the classes that have rows."""
        return np.unique(self.labels, return_inverse=True)[1].reshape(-1)

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of each class that has any, [C]."""
        return np.bincount(self.classes)

    @cached_property
    def columns(self) -> np.ndarray:
        """The labels as numbers, [N, T] float64; a class is one column of 0 and 1."""
        if self.form == "classes":
            return np.eye(len(self.counts))[self.classes]
        return self.labels.reshape(len(self), -1).astype(np.float64)

    @cached_property
    def centred(self) -> np.ndarray:
        """The features less their mean, [N, D]; exactly 0 for one that never varies."""
        moved = self.features - self.features[:1]
        return moved - moved.mean(axis=0)

    @cached_property
    def decomposed(self) -> tuple[np.ndarray, np.ndarray]:
        """Left singular vectors [N, R] and singular values [R] of the centred features, the largest first.

        Found by the smaller of the two Gram matrices. R is their rank, at most min(N - 1, D).
        """
        return _decompose(self.centred)

    @cached_property
    def uncentred(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of the features as they are: [N, R], [R], R at most min(N, D)."""
        return _decompose(self.features)

    @cached_property
    def reduced(self) -> np.ndarray:
        """The centred features in their own row space, [N, R]: every distance and inner product is as in `centred`."""
        vectors, values = self.decomposed
        return vectors * values

    @cached_property
    def distances(self) -> np.ndarray:
        """Squared Euclidean distances of the rows, [N, N], with 0 on the diagonal."""
        gram = self.centred @ self.centred.T
        squares = np.diag(gram)
        found = np.maximum(squares[:, None] + squares[None, :] - 2 * gram, 0.0)
        np.fill_diagonal(found, 0.0)
        return found

    @cached_property
    def means(self) -> np.ndarray:
        """Mean of each class in the row space, [C, R]."""
        return self.columns.T @ self.reduced / self.counts[:, None]


def _decompose(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return left singular vectors [N, R] and singular values [R] that are not zero, by the smaller Gram matrix."""
    wide = matrix.shape[0] <= matrix.shape[1]
    squares, vectors = np.linalg.eigh(matrix @ matrix.T if wide else matrix.T @ matrix)
    kept = np.flatnonzero(squares > RANK * max(squares[-1], np.finfo(float).tiny))[::-1]
    values = np.sqrt(squares[kept])
    return (vectors[:, kept] if wide else matrix @ vectors[:, kept] / values), values
