"""Deep embedded validation: the target's error from weighted source rows, with less noise (You et al. 2019, ICML).

The weights' mean is known to be 1, so what they miss it by tells what the weighted losses miss theirs
by. With the control variate eta = -Cov(losses, weights) / Var(weights) the estimate is mean(weighted losses) +
eta mean(weights) - eta. Here the discriminator is fitted to the validation rows, each answered by a fit that has not
seen it, in the place of training rows, whose features lie where the network has put them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.criteria._importance import OfImportance


@dataclass(frozen=True)
class Dev(OfImportance):
    """Choose the step with the least error that deep embedded validation expects on the target.

    pool: the target's rows. most: so many of them are looked at, drawn by the seed. least: by fewer validation rows
    nothing is chosen.
    """

    def risk(self, weights: np.ndarray, losses: np.ndarray) -> float:
        """Average the weighted losses [N], with the control variate of the weights [N]."""
        weighted = weights * losses
        (spread, both), _ = np.cov(weights, weighted, ddof=0)
        eta = -both / spread if spread else 0.0
        return float(weighted.mean() + eta * weights.mean() - eta)
