"""Importance-weighted validation: the error on the source's rows, weighted as the target has such rows.

Sugiyama, Krauledat & Müller 2007 (JMLR 8): where only the inputs' distribution differs, the mean loss of the
source's rows times the ratio of densities is that of the target. Here the weights are divided by their mean, which is 1
for the true ratio: the farther the domains are apart, the smaller the estimated weights of all validation rows, and a
model would look good for that alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.criteria._importance import OfImportance


@dataclass(frozen=True)
class Iwv(OfImportance):
    """Choose the step with the least error on validation rows that are like the target's (weighted).

    pool: the target's rows. most: so many of them are looked at, drawn by the seed. least: by fewer validation rows
    nothing is chosen.
    """

    def risk(self, weights: np.ndarray, losses: np.ndarray) -> float:
        """Average the losses [N] under the weights [N]."""
        return float(np.average(losses, weights=weights)) if weights.any() else float("inf")
