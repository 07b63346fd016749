"""N-LEEP: how well clusters of the features tell the target's classes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from headstart.core.types import Form
from headstart.transferability._expected import log_expected_prediction
from headstart.transferability._seen import Seen

ENERGY = 0.8  # of the squared length of the centred features, which the first principal components keep
A_CLASS, A_CLUSTER = 5, 5  # clusters of a class at most; rows of a cluster at least, on average
WIDEST, ROUNDS, CLOSE = 64, 5, 1e-2  # most components; rounds of EM, and the gain of log likelihood that ends them
LEAST = 1e-3  # added to each variance, beside a mean one of 1


@dataclass(frozen=True)
class NLeep:
    """LEEP with the clusters of a Gaussian mixture in place of the source's classes (Li et al. 2021, arXiv:2011.11200).

    The features are cut to the principal components that keep 80 % of their energy, at most 64. The mixture has five
    clusters a class, and no more than one for five rows. It starts from Ward's clusters (1963) in place of random ones,
    and has diagonal covariances in place of full ones: so the order of the rows does not matter, nothing is drawn, and
    the cost is that of other scores.
    """

    title: ClassVar[str] = "N-LEEP"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The mean log probability, at most 0.
        """
        lengths = np.square(seen.decomposed[1])
        count = min(A_CLASS * len(seen.counts), len(seen) // A_CLUSTER)
        if count < 2 or not len(lengths):  # a single cluster
            return log_expected_prediction(np.ones((len(seen), 1)), seen.columns)
        width = min(int(np.searchsorted(np.cumsum(lengths), ENERGY * lengths.sum())) + 1, WIDEST)
        rows = seen.reduced[:, :width] / np.sqrt(lengths[:width].sum() / len(seen) / width)
        tree = linkage(squareform(np.sqrt(seen.distances), checks=False), "ward")
        return log_expected_prediction(_memberships(rows, fcluster(tree, count, "maxclust") - 1), seen.columns)


def _memberships(rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Fit a mixture from a first division into clusters.

    Args:
        rows: [N, D].
        clusters: Of each row, [N], counted from 0.

    Returns:
        Probabilities of the clusters, [N, K].
    """
    hot = np.eye(clusters.max() + 1)[clusters]
    shares = hot.mean(axis=0)
    means = hot.T @ rows / len(rows) / shares[:, None]
    variances = np.square(rows - means[clusters]).mean(axis=0) + LEAST
    mixture = GaussianMixture(
        len(shares),
        covariance_type="diag",
        weights_init=shares,
        means_init=means,
        precisions_init=np.tile(1 / variances, (len(shares), 1)),
        reg_covar=LEAST,
        max_iter=ROUNDS,
        tol=CLOSE,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few rounds are meant
        return mixture.fit(rows).predict_proba(rows)
