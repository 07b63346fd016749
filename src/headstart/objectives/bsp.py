"""Batch spectral penalisation beside `dann`: no direction of the features dominates (Chen et al. 2019, ICML).

Transferability vs. Discriminability, PMLR 97: the sum of the k largest squared singular values of each domain's
features, which adversarial training raises at the cost of what tells the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from headstart.models.model import Model
from headstart.objectives._domains import Side
from headstart.objectives.dann import Dann


@dataclass(frozen=True)
class Bsp(Dann):
    """As `dann`, with a penalty on the largest singular values of both domains' features.

    Attributes:
        spectral: Weight of the penalty.
        k: How many singular values of each domain are penalised.
    """

    spectral: float = 1e-4
    k: int = 1
    couples_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1:
            raise ValueError(f"k must be at least 1; it is {self.k}.")

    def align(self, model: Model, extra: nn.Module, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the domain classifier's loss and the penalty."""
        values = torch.cat([torch.linalg.svdvals(side.pooled)[: self.k] for side in (source, target)])
        return super().align(model, extra, source, target, strength) + self.spectral * values.square().sum()
