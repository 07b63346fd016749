"""Masked language modelling: hidden tokens of texts are named (Devlin et al. 2019, arXiv:1810.04805, section 3.1).

Which ones is a function of the seed, the epoch and the row (`views/masked.py`), so that any restart hides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.types import Stream
from headstart.models.model import Model
from headstart.objectives._naming import Naming
from headstart.views.masked import Masked as Hiding


@dataclass(frozen=True)
class Masked(Naming):
    """Name hidden tokens of texts by what stands on both sides of them; no label is read.

    share: of a text's tokens that are asked for.
    """

    share: float = 0.15

    def __post_init__(self) -> None:
        Hiding(self.share)  # which refuses shares that are none

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Rows without labels, with hidden tokens."""
        return (Stream("unlabelled", self.pool, labelled=False, views={"x": f"masked share={self.share}"}),)

    def namer(self, model: Model, x: Any, width: int, vocabulary: int, embedded: int) -> nn.Module:
        """Make BERT's head for hidden tokens. UsageError: no token hides others."""
        card = model.backbone.card
        if getattr(card.input, "hidden", None) is None:  # of those whose tokens are hidden by one
            raise UsageError(
                f"{name_of(self)} needs a token that hides others (a mask), and the tokenizer of {card.name} has none."
            )
        return Namer(width, vocabulary, embedded)

    def asked(self, x: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Ask for what is hidden."""
        return x["asked"]


class Namer(nn.Module):
    """BERT's: a dense layer, GELU and layer norm, then the embeddings, and a bias for each token."""

    def __init__(self, width: int, vocabulary: int, embedded: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(width, embedded), nn.GELU(), nn.LayerNorm(embedded))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:  # [N, vocabulary]
        return functional.linear(self.trunk(states), embeddings, self.bias)
