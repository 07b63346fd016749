"""One linear layer on the pooled features."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from headstart.core.types import Target
from headstart.models.model import Head, Pooling


@dataclass(frozen=True)
class Linear:
    """One linear layer on the pooled features.

    pooling: "auto" takes the backbone's own pooled features, "cls" the first token, "mean" the mean over tokens.
    """

    pooling: Pooling = "auto"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Small first weights: the first loss is that of an even guess."""
        layer = nn.Linear(dim, target.outputs)
        nn.init.trunc_normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
        return Head(layer, target, self.pooling)
