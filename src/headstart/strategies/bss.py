"""BSS: suppress the features' smallest singular values, the least transferable (Chen et al. 2019, NeurIPS, eq. 5).

"Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning". The values are
those of each batch that the backbone is given; with micro-batches, of each of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Defaults, ForwardPass, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import mean


@dataclass(frozen=True)
class Bss:
    """All stages learn, under eta times the sum of the k smallest squared singular values of the batch's features.

    head_lr: the new head learns so many times faster.
    """

    eta: float = 1e-3
    k: int = 1
    head_lr: float = 10.0
    couples_rows: ClassVar[bool] = True
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1; it is {self.k}.")

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn."""

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            return self.eta * mean([spectral_tail(seen.features["pooled"], self.k) for seen in passes], model)

        return Tuning([backbone_group(model), head_group(model, self.head_lr)], watch=watch)


def spectral_tail(features: torch.Tensor, k: int) -> torch.Tensor:
    """Sum the k smallest squared singular values of features [B, D]; of at most min(B, D) that there are."""
    return torch.linalg.svdvals(features.float())[-k:].square().sum()
