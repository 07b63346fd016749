"""One hidden layer with GELU or ReLU and dropout, then a linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from headstart.core.types import Target
from headstart.models.model import Head
from headstart.models.pooling import Pooling


@dataclass(frozen=True)
class Mlp:
    """One hidden layer with GELU or ReLU and dropout, then a linear layer.

    hidden: width of the hidden layer. activation: what is behind it. dropout: share of it that is dropped while
    training, in [0, 1).
    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    hidden: int = 256
    activation: Literal["gelu", "relu"] = "gelu"
    dropout: float = 0.1
    pooling: Pooling = "auto"

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}.")

    @property
    def hidden_layer(self) -> str:
        """Name the layer of what it builds that heads of later runs may feed on, which put GELU behind it."""
        return "trunk.0" if self.activation == "gelu" else ""

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Small last weights: the first loss is that of an even guess."""
        last = nn.Linear(self.hidden, target.outputs)
        nn.init.trunc_normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        behind = nn.GELU() if self.activation == "gelu" else nn.ReLU()
        trunk = nn.Sequential(nn.Linear(dim, self.hidden), behind, nn.Dropout(self.dropout), last)
        return Head(trunk, target, self.pooling)
