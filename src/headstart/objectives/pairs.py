"""The contrastive loss of pairs (Hadsell, Chopra & LeCun 2006, CVPR, eq. 4).

Pairs of one class are few in a batch: they are averaged by themselves, as are pairs of two classes; both count alike.
The paper squares what pairs of two classes lack to the margin. pytorch-metric-learning does not, and adds the two means
up without halving them, each over the pairs that have a loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.objectives._metric_learning import OfPairs, mean_where


@dataclass(frozen=True)
class Pairs(OfPairs):
    """Draw rows of one class together, and push others apart up to a margin: the contrastive loss (retrieval).

    margin: the distance on the unit sphere from which on rows of two classes are left alone; the greatest is 2.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        if self.margin <= 0:
            raise ValueError(f"margin must be above 0; it is {self.margin}.")

    def of_pairs(self, distances: torch.Tensor, alike: torch.Tensor, unlike: torch.Tensor) -> torch.Tensor:
        """Compute half the mean squared distance of the one, and half that of what the others lack to the margin."""
        lacking = (self.margin - distances).clamp(min=0)
        return (mean_where(distances.square(), alike) + mean_where(lacking.square(), unlike)) / 2
