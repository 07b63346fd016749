"""Gradient sign dropout (Chen et al. 2020, arXiv:2010.06808): each element takes one sign of its gradients, by chance.

Their equation 1 and algorithm 1: P = (1 + sum g / sum |g|) / 2, elementwise, is the purity of the positive sign. With
that probability the positive gradients of an element are added up, else the negative ones; where all agree, all count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.types import OfGradients

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class GradDrop(OfGradients):
    """Add up the gradients of one sign in each element, drawn by how much of them has it.

    Attributes:
        leak: Part of the plain sum that is kept, from 0 to 1.
    """

    leak: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.leak <= 1:
            raise ValueError(f"leak is between 0 and 1; got {self.leak:g}")

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Count all alike."""
        return np.ones(len(losses))

    def combine(self, gradients: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Draw a sign for each element."""
        import torch

        each = gradients.float()
        total = each.sum(dim=0)
        purity = (1 + total / each.abs().sum(dim=0).clamp(min=torch.finfo(torch.float32).tiny)) / 2
        positive = torch.rand_like(total) < purity
        drawn = torch.where(positive, each.clamp(min=0), each.clamp(max=0)).sum(dim=0)
        return (self.leak * total + (1 - self.leak) * drawn).to(gradients.dtype)
