"""Adaptive feature norm: features of both domains grow, step by step (Xu et al. 2019, arXiv:1811.07456).

Stepwise (SAFN): the norm of each row's features is drawn to what it is now, plus `step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side


@dataclass(frozen=True)
class Afn(Alignment):
    """Minimise the task's loss on `source`, and let the norms of the features grow on `source` and `target`.

    Attributes:
        step: How much longer the features of a row are to become.
    """

    weight: float = 0.05
    step: float = 1.0

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the squared distance of the norms to what they are to become, of both domains."""
        norms = [side.pooled.norm(dim=1) for side in (source, target)]
        return torch.stack([(norm - (norm.detach() + self.step)).square().mean() for norm in norms]).sum()
