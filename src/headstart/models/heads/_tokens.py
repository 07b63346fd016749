"""What heads that make texts of a backbone's tokens have in common."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Features, Target
from headstart.models.model import Backbone, Head
from headstart.models.taps import probe


class TokensHead(Head):
    """A head that makes texts of tokens: its outputs are these with their mask, [B, T, D + 1].

    Where labels are laid behind examples, what `Features` says of that stands before the mask, [B, T, D + 3].

    Args:
        name: What messages call it.
        target: Of texts.
    """

    pooled: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ("texts",)

    def __init__(self, name: str, target: Target) -> None:
        super().__init__(nn.Identity(), target)
        self.name = name

    def width_of(self, backbone: Backbone) -> int:
        """Return the width D of the backbone's tokens. UsageError: it gives none."""
        tokens = probe(backbone).get("tokens")
        if tokens is None:
            raise UsageError(
                f"The head '{self.name}' looks at tokens, and {backbone.card.name} gives none: take a transformer."
            )
        return tokens.shape[2]

    def forward(self, features: Features) -> torch.Tensor:  # [B, T, D + 1]
        tokens = self.trunk(features.get("tokens"))
        mask = features.get("mask")
        known = tokens.new_ones(tokens.shape[:2]) if mask is None else mask.to(tokens.dtype)
        laid = [features["laid"].float()] if "laid" in features else []  # numbers of tokens have no room in 16 bits
        return torch.cat([tokens, *laid, known.unsqueeze(2)], dim=2)
