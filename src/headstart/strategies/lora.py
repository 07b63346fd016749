"""LoRA: two thin matrices learn, whose product is added to each weight (Hu et al. 2021, arXiv:2106.09685, eq. 3).

For a convolution the weight [O, I, h, w] is taken as a matrix [O, I·h·w]. The paper adapts the
attention's projections; here all linear and convolution layers are adapted unless some are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._weights import LowRank, tune_weights


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


def check_rank(rank: int) -> None:
    """Check a rank.

    Args:
        rank: Rank of the matrices.

    Raises:
        ValueError: It is below 1.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1; it is {rank}.")
