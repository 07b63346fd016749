"""Whether two samples of rows can be told apart by a linear classifier: how well, and whether beyond chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import hypergeom

from headstart.core.seeding import numpy_generator
from headstart.core.types import LEAST_TO_COMPARE
from headstart.solvers.logistic import Problem, logistic

LEVEL = 1e-4  # of one in so many pairs of like samples it is said that they are unlike
WIDEST = 5000  # features: those of terms are told apart no faster than they are computed


class Told(NamedTuple):
    """How many rows that it has not seen a classifier gives to the right sample, as a share; and how likely by luck."""

    share: float
    p: float

    def __str__(self) -> str:
        """Say how well and how likely, of rows that go with "unlike"."""
        return (
            f"by their features a linear classifier puts {self.share:.0%} of rows that it has not seen in the right "
            f"split (50% is chance; p = {self.p:.1g})"
        )


def proxy_a_distance(rows: np.ndarray, other: np.ndarray, *, seed: int = 0) -> float:
    """Compute 2 (1 - 2 e), e being the cross-validated error of a linear classifier that tells two samples apart.

    It stands for the A-distance of Ben-David et al. (2010, Machine Learning 79), as in arXiv:1505.07818, section 5.

    Args:
        rows: [N, D].
        other: As many rows, [N, D].
        seed: Of the folds.

    Returns:
        From 0, where it errs on half of the rows or on more, to 2, where it never does.
    """
    assert len(rows) == len(other), "of unequal samples a constant answer would be right more often than not"
    both, problem = _apart(rows, other)
    found = logistic(both, problem, seed=seed, strata=problem.targets[:, 0]).out_of_fold
    return max(0.0, 2 * (1 - 2 * float(((found > 0) != problem.targets).mean())))


def told_apart(rows: np.ndarray, other: np.ndarray, *, seed: int = 0) -> Told:
    """Test whether two samples are of one distribution: half of each teaches a classifier, the other half asks it.

    The classifier two-sample test of Lopez-Paz & Oquab (2017; arXiv:1610.06545). Were they of one, any division of the
    rows asked into two samples of these sizes would be as likely as theirs. The number of rightly told rows is then
    hypergeometric, given how often the classifier says "other": the test is exact for any number of rows.

    Args:
        rows: [N, D].
        other: [M, D].
        seed: Decides which rows teach.

    Returns:
        The share of the rows asked that are told rightly, and the chance of so many or more.
    """
    random = numpy_generator(seed, "two samples")
    (taught, asked), (other_taught, other_asked) = (
        (sample[order[: len(sample) // 2]], sample[order[len(sample) // 2 :]])
        for sample in (rows, other)
        for order in [random.permutation(len(sample))]
    )
    both, problem = _apart(taught, other_taught)
    fit = logistic(both, problem, seed=seed, strata=problem.targets[:, 0])
    said, right = (int((sample @ fit.weight.T + fit.bias > 0).sum()) for sample in (asked, other_asked))
    total, calls = len(asked) + len(other_asked), said + right
    p = hypergeom.sf(right - 1, total, len(other_asked), calls)
    return Told((right + len(asked) - said) / total, float(p))


def unlike(rows: np.ndarray, other: np.ndarray, *, seed: int = 0) -> Told | None:
    """Return how well two samples [N, D] and [M, D] are told apart; None: not beyond chance, or they are too few."""
    finite = min(len(rows), len(other)) >= LEAST_TO_COMPARE and np.isfinite(rows).all() and np.isfinite(other).all()
    if not finite or rows.shape[1] > WIDEST:
        return None
    found = told_apart(rows, other, seed=seed)
    return found if found.p < LEVEL else None


def matched(strata: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose rows of two samples so that the shares of the strata are no difference: the first ones of each stratum.

    Args:
        strata: Of the rows of one sample, [N].
        other: Of those of the other one, [M].

    Returns:
        Places in either sample, of the same strata.
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for stratum in np.unique(other):
        own, others = np.flatnonzero(strata == stratum), np.flatnonzero(other == stratum)
        count = min(len(own), len(others))
        found.append((own[:count], others[:count]))
    one, another = (np.concatenate(places) for places in zip(*found, strict=True))
    return one, another


def _apart(rows: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, Problem]:
    """Put two samples below each other, and ask whether a row is of the second one; either counts as much."""
    is_other = np.repeat([0.0, 1.0], [len(rows), len(other)])[:, None]
    weights = np.repeat([0.5 / len(rows), 0.5 / len(other)], [len(rows), len(other)])[:, None]
    return np.concatenate([rows, other]), Problem(is_other, weights * len(is_other), "sigmoid")
