"""SFDA: how likely the labels are to a discriminant analysis, once for the features and once for harder ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import eigsh
from scipy.special import logsumexp, softmax

from headstart.core.types import Form
from headstart.transferability._seen import Seen

STRENGTH = 5.0  # a of the regularisation exp(-a s), as in the paper's code
TOLERANCE = 1e-4  # of the largest eigenvalue
TINY = 1e-12  # of the variance: nothing varies within the classes


@dataclass(frozen=True)
class SFDA:
    """Mean log likelihood of a self-challenging Fisher discriminant analysis (Shao et al. 2022, arXiv:2207.03036).

    The covariance W within the classes becomes (1 - a) W + a v I, with v its mean variance and a = exp(-5 s), s its
    largest eigenvalue. The analysis gives each row probabilities of the classes. Then each row is moved towards the
    mean of the other classes' means: x' = p x + (1 - p) m, where p is the softmax, over the classes, of these
    probabilities at the row's own class, so that rows that are hard to tell become harder. A second analysis with the
    same a on the moved rows gives the log likelihood (natural logarithm) of the labels.

    Unlike the paper's code, the features are first scaled to a total variance of 1. Otherwise a depends on their size
    and is as good as 0 for most networks, and then every model has a likelihood of 1 where rows are few. So the score
    is the same for turned, moved or scaled features.
    """

    title: ClassVar[str] = "SFDA"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The mean log likelihood of a row, at most 0; NaN for one class or where nothing varies within the classes.
        """
        variances = np.square(seen.decomposed[1]) / len(seen)
        size = variances.sum()
        if len(seen.counts) < 2 or size == 0:
            return float("nan")
        rows, classes, own = seen.reduced / np.sqrt(size), seen.classes, np.arange(len(seen))
        means, within = _parts(seen, rows, np.diag(variances / size))
        if np.trace(within) <= TINY:
            return float("nan")
        strength = float(np.exp(-STRENGTH * _largest(within)))
        sure = softmax(softmax(_logits(seen, rows, means, within, strength), axis=1), axis=1)[own, classes][:, None]
        others = (means.sum(axis=0) - means) / (len(means) - 1)
        harder = sure * rows + (1 - sure) * others[classes]
        means, within = _parts(seen, harder, harder.T @ harder / len(seen))
        logits = _logits(seen, harder, means, within, strength)
        against = logits - logits[own, classes][:, None]
        against[own, classes] = -np.inf
        return float(-np.logaddexp(0.0, logsumexp(against, axis=1)).mean())  # exact near 0 too, unlike log_softmax


def _parts(seen: Seen, rows: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the classes [C, R] and the covariance within them [R, R].

    Args:
        seen: Whose classes the rows have.
        rows: [N, R].
        products: Mean of their outer products with themselves, [R, R].

    Returns:
        Both.
    """
    means = seen.columns.T @ rows / seen.counts[:, None]
    return means, products - (means.T * (seen.counts / len(seen))) @ means


def _largest(matrix: np.ndarray) -> float:
    """Return the largest eigenvalue of a covariance [R, R]."""
    if len(matrix) == 1:
        return float(matrix[0, 0])
    found = eigsh(matrix, k=1, v0=matrix[0], tol=TOLERANCE, return_eigenvectors=False)  # pyright: ignore[reportArgumentType]
    return float(found[0])


def _logits(seen: Seen, rows: np.ndarray, means: np.ndarray, within: np.ndarray, strength: float) -> np.ndarray:
    """Return the log probabilities of the classes, [N, C], by a discriminant analysis, each row less a constant.

    Args:
        seen: Whose classes the rows have.
        rows: [N, R].
        means: Of the classes, [C, R].
        within: Covariance within the classes, [R, R].
        strength: Of the regularisation, as a share.

    Returns:
        The logarithms.
    """
    shrunk = (1 - strength) * within
    shrunk.flat[:: len(shrunk) + 1] += strength * np.trace(within) / seen.features.shape[1]
    weights = cho_solve(cho_factor(shrunk, overwrite_a=True), means.T)  # [R, C]
    biases = np.log(seen.counts / len(seen)) - np.einsum("cr,rc->c", means, weights) / 2
    return rows @ weights + biases
