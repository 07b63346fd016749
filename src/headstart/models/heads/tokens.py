"""A linear layer on the hidden state of each word: token classification (Devlin et al. 2019, arXiv:1810.04805)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Features, Target
from headstart.models.model import Backbone, Head
from headstart.models.taps import example, probe


@dataclass(frozen=True)
class Tokens:
    """A linear layer on the hidden state of each word of a text.

    dropout: share of the hidden state that is left out in training.
    """

    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, not {self.dropout}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; its layer is as wide as the backbone's tokens, once that is known (`Head.fit_to`)."""
        return TokensHead(self.dropout, target)


class TokensHead(Head):
    """A head that answers for each word: [B, T, outputs + 1], of which the last number says whether it is seen."""

    pooled: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ("tags",)

    def __init__(self, dropout: float, target: Target) -> None:
        super().__init__(nn.Identity(), target)
        self.dropout = dropout
        self.most = 0

    def fit_to(self, backbone: Backbone) -> None:
        """Make the layer for the backbone's words. UsageError: it gives none."""
        self.check(backbone)
        tokens, most = probe(backbone).get("tokens"), getattr(backbone.card.input, "max_length", 0)
        assert tokens is not None
        layer = nn.Linear(tokens.shape[2], self.target.outputs)
        nn.init.trunc_normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
        self.trunk, self.most = nn.Sequential(nn.Dropout(self.dropout), layer), most

    def check(self, backbone: Backbone) -> None:
        """Refuse a network that does not give words (UsageError)."""
        if "word_places" not in example(backbone):
            raise UsageError(
                f"The head 'tokens' needs the words of a text, and {backbone.card.name} gives none: "
                f"{option('surgery', 'words')}."
            )

    def forward(self, features: Features) -> torch.Tensor:
        tokens, seen = features.get("tokens"), features.get("mask")
        assert tokens is not None and seen is not None
        out = self.trunk(tokens)
        return torch.cat([out, seen.unsqueeze(2).to(out.dtype)], dim=2)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Decide for each word: as `Head.decode`, [B, …], as long for every batch."""
        found = super().decode(out)
        return functional.pad(found, (0, 0, 0, max(0, self.most - found.shape[1])))
