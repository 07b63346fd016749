"""The triplet loss with the hardest rows of a batch (Hermans, Beyer & Leibe 2017, arXiv:1703.07737, eq. 5).

The mean is over all rows, as in the paper; pytorch-metric-learning's usual one is over those that have a loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from headstart.objectives._metric_learning import OfPairs, mean_where


@dataclass(frozen=True)
class Triplet(OfPairs):
    """Let the furthest row of a class be nearer than the nearest row of another, by a margin (retrieval).

    margin: by how much, in distances on the unit sphere, where the greatest is 2.
    """

    margin: float = 0.2

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise ValueError(f"margin must be 0 or more; it is {self.margin}.")

    def of_pairs(self, distances: torch.Tensor, alike: torch.Tensor, unlike: torch.Tensor) -> torch.Tensor:
        """Compute the mean over the rows that have one of theirs and one of another class in the batch."""
        furthest = distances.masked_fill(~alike, 0.0).max(dim=1).values
        nearest = distances.masked_fill(~unlike, math.inf).min(dim=1).values
        whole = alike.any(dim=1) & unlike.any(dim=1)
        nearest = torch.where(whole, nearest, 0.0)
        return mean_where((furthest - nearest + self.margin).clamp(min=0), whole)
