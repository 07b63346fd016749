"""Causal language modelling: each token names the next (Radford et al. 2018, GPT, section 3.1, eq. 1).

The output layer is the embedding itself, as GPT-2 has it.
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
from headstart.objectives._naming import Naming, is_causal


@dataclass(frozen=True)
class NextToken(Naming):
    """Name the next token of a text by those before it; no label is read."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Rows without labels, as they are."""
        return (Stream("unlabelled", self.pool, labelled=False, views={"x": "plain"}),)

    def namer(self, model: Model, x: Any, width: int, vocabulary: int, embedded: int) -> nn.Module:
        """Make what compares with embeddings. UsageError: tokens see those behind them, or embeddings have another
        width.
        """
        name, card = name_of(self), model.backbone.card
        with torch.no_grad(), model.evaluating():
            if not is_causal(model.backbone, x):
                raise UsageError(
                    f"{name} needs a network whose tokens see none behind them, such as GPT-2; in {card.name} they see "
                    "the token that they are asked for. Use the objective masked."
                )
        if width != embedded:
            raise UsageError(f"{name} needs embeddings as wide as features; {card.name} has {embedded} and {width}.")
        return Compared()

    def asked(self, x: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Ask each token for the one behind it, the last of a text for nothing."""
        return functional.pad((x["input_ids"][:, 1:] + 1) * x["attention_mask"][:, 1:], (0, 1))


class Compared(nn.Module):
    """The logit of a token is the inner product with its embedding."""

    def forward(self, states: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:  # [N, vocabulary]
        return functional.linear(states, embeddings)
