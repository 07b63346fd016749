"""How densely rows without labels lie: soft neighbourhood density (Saito et al. 2021, arXiv:2108.10860).

Similarities are products of class probabilities of unit length; a row's similarities to all others
through a softmax of low temperature say which rows are its neighbours and the mean entropy of that is
the higher, the more neighbours a row has. Rows that all get one answer have the most: the figure cannot tell such a
model from a good one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import entr, softmax

from headstart.criteria._shares import OfShares


@dataclass(frozen=True)
class Snd(OfShares):
    """Choose the step that puts rows without labels into the densest neighbourhoods.

    temperature: of the softmax over the neighbours. pool: the rows without labels: "target" where there are two
    domains, else "unlabelled". most: so many of them are looked at, drawn by the seed. least: by fewer nothing is
    chosen.
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0; it is {self.temperature}.")

    def figure(self, shares: np.ndarray) -> float:
        """Compute the mean entropy in nats of the neighbours of rows with probabilities [N, C]."""
        unit = shares / np.linalg.norm(shares, axis=1, keepdims=True)
        similar = unit @ unit.T / self.temperature
        np.fill_diagonal(similar, -np.inf)  # no row is its own neighbour
        return float(entr(softmax(similar, axis=1)).sum(axis=1).mean())
