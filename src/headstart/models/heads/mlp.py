"""One hidden layer with GELU and dropout, then a linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from headstart.core.types import Target
from headstart.models.model import Head
from headstart.models.pooling import Pooling


@dataclass(frozen=True)
class Mlp:
    """One hidden layer with GELU and dropout, then a linear layer.

    hidden: width of the hidden layer. dropout: share of it that is dropped while training, in [0, 1).
    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    hidden_layer: ClassVar[str] = "trunk.0"  # of what it builds, for heads of later runs that feed on it
    hidden: int = 256
    dropout: float = 0.1
    pooling: Pooling = "auto"

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Small last weights: the first loss is that of an even guess."""
        last = nn.Linear(self.hidden, target.outputs)
        nn.init.trunc_normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        return Head(
            nn.Sequential(nn.Linear(dim, self.hidden), nn.GELU(), nn.Dropout(self.dropout), last), target, self.pooling
        )
