"""DoRA: a weight's direction learns by LoRA, its magnitude by itself (Liu et al. 2024, arXiv:2402.09353, eq. 5, 11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._weights import LowRank, tune_weights
from headstart.strategies.lora import check_rank


@dataclass(frozen=True)
class Dora:
    """W becomes m · (W + alpha / rank · U D) / its norm, with one magnitude m for each output; merged at the end.

    `layers` are patterns such as "*.qkv". The norm counts as a constant in the gradient, as in the paper.
    """

    rank: int = 8
    alpha: float = 16.0
    layers: tuple[str, ...] = ("*",)
    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, epochs=8)

    def __post_init__(self) -> None:
        check_rank(self.rank)

    def prepare(self, model: Model) -> Tuning:
        """Let the thin matrices, the magnitudes and the heads learn. UsageError: the backbone has no linear or
        convolution layer, or a pattern fits none.
        """
        return tune_weights(
            model, "dora", self.layers, lambda weight, axis: Decomposed(weight, axis, self.rank, self.alpha)
        )


class Decomposed(nn.Module):
    """A weight as magnitude times direction, the direction with a matrix of low rank added."""

    def __init__(self, weight: torch.Tensor, axis: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.low_rank = LowRank(weight, rank, alpha)
        self.others = tuple(a for a in range(weight.ndim) if a != axis)
        self.magnitude = nn.Parameter(self._norm(weight))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        direction = self.low_rank(weight)
        return direction * (self.magnitude / self._norm(direction.detach()))

    def _norm(self, weight: torch.Tensor) -> torch.Tensor:
        return torch.linalg.vector_norm(weight, dim=self.others, keepdim=True).clamp(min=1e-12)
