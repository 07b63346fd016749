"""One ranking out of many scores: each is trusted as far as it agrees with the evidence of the rows at hand.

Which score foretells fine-tuning differs from task to task (arXiv:2511.21007), so none has a fixed weight. The evidence
is the cross-validated probe; a score's weight is its weighted Kendall tau with it (Vigna 2015, arXiv:1404.3325), never
below 0. How sure the ranking is follows from the noise of the evidence: it is drawn anew many times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from headstart.core.seeding import numpy_generator
from headstart.core.types import Score
from headstart.transferability._agreement import weighted_tau

DRAWS = 200
LEAST = 3  # models by which an agreement can be told from chance at all


class Aggregate(NamedTuple):
    """A ranking of M models.

    points: mean of the models' places in each score, weighted, 0 (worst) to 1 (best), [M]. ranks: 1 is the best, [M].
    low, high: where the rank is in 95 of 100 draws of the evidence, [M]. weights: of each score, the evidence's is 1.
    """

    points: np.ndarray
    ranks: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: Mapping[str, float]


def aggregate(
    scores: Mapping[str, Sequence[float]], evidence: Sequence[Score], *, seed: int = 0, draws: int = DRAWS
) -> Aggregate:
    """Rank models.

    Args:
        scores: By name, one for each of M models; NaN where it is not defined, which counts as the middle.
        evidence: Of each model the cross-validated figure, of the same rows, with its parts.
        seed: Of the draws.
        draws: How often the evidence is drawn.

    Returns:
        The ranking.
    """
    values = {name: np.asarray(found, np.float64) for name, found in scores.items()}
    sign = 1.0 if evidence[0].higher_is_better else -1.0
    known = sign * np.array([score.value for score in evidence])
    points, weights = _combine(values, known)
    drawn = known + _noise(evidence, sign, numpy_generator(seed, "ranking"), draws)
    ranks = np.stack([_ranks(_combine(values, one)[0]) for one in drawn]) if draws else _ranks(points)[None]
    low, high = np.percentile(ranks, [2.5, 97.5], axis=0, method="nearest")
    own = _ranks(points)
    return Aggregate(points, own, np.minimum(low, own), np.maximum(high, own), weights)


def _combine(values: Mapping[str, np.ndarray], evidence: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    total, weights = _places(evidence), {}
    for name, found in values.items():
        weights[name] = agreement(found, evidence)
        total = total + weights[name] * _places(found)
    return total / (1 + sum(weights.values())), weights


def agreement(found: np.ndarray, evidence: np.ndarray) -> float:
    """Return how far a score orders models as the evidence does: the weighted Kendall tau, 0 where it is below or
    where fewer than three models have it.
    """
    there = np.isfinite(found) & np.isfinite(evidence)
    tau = weighted_tau(found[there], evidence[there])
    return max(0.0, tau) if there.sum() >= LEAST and np.isfinite(tau) else 0.0


def _places(found: np.ndarray) -> np.ndarray:
    """Return the place of each model by a score, 0 (worst) to 1 (best), [M]."""
    there = np.isfinite(found)
    places = np.full(len(found), 0.5)
    if there.sum() > 1:
        places[there] = (rankdata(found[there]) - 1) / (there.sum() - 1)
    return places


def _ranks(points: np.ndarray) -> np.ndarray:
    return rankdata(-points, method="min").astype(int)


def _noise(evidence: Sequence[Score], sign: float, draw: np.random.Generator, draws: int) -> np.ndarray:
    """Draw errors of the evidence, [draws, M], with the covariance of the delete-a-group jackknife."""
    groups = {len(score.parts) for score in evidence}
    if len(groups) != 1 or (count := groups.pop()) < 2:
        return np.zeros((draws, len(evidence)))
    parts = sign * np.array([score.parts for score in evidence]).T  # [groups, M]
    if not np.isfinite(parts).all():
        return np.zeros((draws, len(evidence)))
    root = (parts - parts.mean(axis=0)) * np.sqrt((count - 1) / count)
    return draw.standard_normal((draws, count)) @ root
