"""How sure and how varied the answers for rows without labels are: batch nuclear norm (Cui 2020, arXiv:2003.12237).

The sum of the singular values of the probabilities [N, C], divided by its upper bound, the root of N min(N, C): it
is 1 where each row is of one class for sure and the classes are equally frequent. All rows are one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.criteria._shares import OfShares


@dataclass(frozen=True)
class Bnm(OfShares):
    """Choose the step whose answers for rows without labels are surest and most varied (nuclear norm).

    pool: the rows without labels: "target" where there are two domains, else "unlabelled". most: so many of them are
    looked at, drawn by the seed. least: by fewer nothing is chosen.
    """

    def figure(self, shares: np.ndarray) -> float:
        """Compute the nuclear norm of probabilities [N, C] as a share of the most that it can be."""
        rows = len(shares)
        return float(np.linalg.norm(shares, "nuc")) / (rows * min(shares.shape)) ** 0.5
