"""The power transform and maximum a posteriori (Hu, Gripon & Pateux 2021, ICANN, arXiv:2006.03806)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.few_shot._episodes import Episodes

ROUNDS, STILL = 30, 1e-3  # a step; the share by which the queries of a class may be off at the end


@dataclass(frozen=True)
class PtMap:
    """Class centres by optimal transport of the queries: PT+MAP (Hu et al. 2021, arXiv:2006.03806).

    It takes it that an episode asks each class equally often, as those here do. power: of each number of the features
    (β); of one below 0 that of its size. sharpness: λ of the transport. rate: α, how far centres go in a step.
    """

    power: float = 0.5
    sharpness: float = 10.0
    rate: float = 0.4
    steps: int = 20

    transductive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.power <= 0 or self.sharpness <= 0 or not 0 < self.rate <= 1 or self.steps < 1:
            raise ValueError("power and sharpness are above 0, rate is above 0 and at most 1, steps at least 1.")

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by the share of each query that is carried to their centre, [E, Q, W]."""
        rows = episodes.rows(centre=False, normalise=False, power=self.power).recentred()
        points = rows.means
        plan, scale = transported(rows.distances(points)[:, rows.learnt :], self.sharpness)
        for _ in range(self.steps):
            shares = np.concatenate([rows.members, plan], axis=1)
            points = points + self.rate * (shares / shares.sum(axis=1, keepdims=True) - points)  # Algorithm 1
            plan, scale = transported(rows.distances(points)[:, rows.learnt :], self.sharpness, scale)
        return plan


def transported(costs: np.ndarray, sharpness: float, scale: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Carry queries to classes at the least cost, but for entropy (Cuturi 2013, arXiv:1306.0895): Sinkhorn's iteration.

    Args:
        costs: [E, Q, W].
        sharpness: λ, how little entropy counts.
        scale: Of the classes, as it was found for costs much like these, [E, W, 1].

    Returns:
        [E, Q, W], where a query's shares sum to 1 and those of a class to Q / W; and the scale.
    """
    kernel = np.exp(-sharpness * (costs - costs.min(axis=2, keepdims=True)))
    turned = np.ascontiguousarray(kernel.swapaxes(1, 2))
    each = costs.shape[1] / costs.shape[2]
    known: np.ndarray = np.ones((len(costs), costs.shape[2], 1)) if scale is None else scale
    for _ in range(ROUNDS):
        found = known * (turned @ (1 / (kernel @ known))) / each
        if np.abs(found - 1).max() < STILL:
            break
        known = known / found
    return kernel * known.swapaxes(1, 2) / (kernel @ known), known
