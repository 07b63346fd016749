"""Ridge regression as a differentiable head, R2-D2 (Bertinetto et al. 2019, ICLR, arXiv:1805.08136)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.models.model import Model
from headstart.objectives._episodes import OfEmbeddings


@dataclass(frozen=True)
class R2d2(OfEmbeddings):
    """Answer episodes by ridge regression in closed form, and learn the features through it: R2-D2 (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    penalty: that λ starts from; it is learnt, as are the scale and the offset of the answers (eq. 6).
    """

    penalty: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; it is {self.penalty}.")

    def modules(self, model: Model) -> nn.Module:
        """Make the logarithm of the penalty, the scale and the offset."""
        found = nn.Module()
        found.penalty = nn.Parameter(torch.tensor(self.penalty).log())
        found.scale, found.offset = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))
        return found

    def logits(self, support: torch.Tensor, queries: torch.Tensor, extra: Any) -> torch.Tensor:
        """Fit W = X' (X X' + λ I)^-1 Y by Woodbury's identity (eq. 5), and scale what it gives queries."""
        ways, shots = support.shape[:2]
        rows = support.flatten(0, 1)
        wanted = functional.one_hot(torch.arange(ways, device=rows.device).repeat_interleave(shots)).to(rows.dtype)
        among = rows @ rows.T + extra.penalty.exp() * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
        return extra.scale * queries @ rows.T @ torch.linalg.solve(among, wanted) + extra.offset
