"""LoRA: two thin matrices learn, whose product is added to each weight (Hu et al. 2021, arXiv:2106.09685, eq. 3).

For a convolution the weight [O, I, h, w] is taken as a matrix [O, I·h·w]. The paper adapts the
attention's projections; here all linear and convolution layers are adapted unless some are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._weights import tune_weights


@dataclass(frozen=True)
class Lora:
    """W becomes W + alpha / rank · U D, with D [rank, columns] random and U [rows, rank] zero at first.

    It is merged at the end. `layers` are patterns such as "*.qkv". A matrix with fewer rows or columns
    than `rank` takes that many.
    """

    rank: int = 8
    alpha: float = 16.0
    layers: tuple[str, ...] = ("*",)
    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, epochs=8)

    def __post_init__(self) -> None:
        check_rank(self.rank)

    def prepare(self, model: Model) -> Tuning:
        """Let the thin matrices and the heads learn. UsageError: the backbone has no linear or convolution layer, or a
        pattern fits none.
        """
        return tune_weights(model, "lora", self.layers, lambda weight, _: LowRank(weight, self.rank, self.alpha))


class LowRank(nn.Module):
    """Add a matrix of low rank to a weight of any shape; its first axis is the rows."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.empty(rank, columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = alpha / rank

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.scale * (self.up @ self.down).view(weight.shape)


def check_rank(rank: int) -> None:
    """Check a rank.

    Args:
        rank: Rank of the matrices.

    Raises:
        ValueError: It is below 1.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1; it is {rank}.")
