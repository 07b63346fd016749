"""Prototypical networks (Snell, Swersky & Zemel 2017, NeurIPS, arXiv:1703.05175)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from headstart.objectives._episodes import OfEmbeddings


@dataclass(frozen=True)
class Protonet(OfEmbeddings):
    """Answer episodes by the nearest class mean: prototypical networks (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    """

    def logits(self, support: torch.Tensor, queries: torch.Tensor, extra: Any) -> torch.Tensor:
        """Give minus the squared distance of each query to each class mean (eq. 1 and 2)."""
        means = support.mean(dim=1)
        return -(queries[:, None] - means).square().sum(dim=2)
